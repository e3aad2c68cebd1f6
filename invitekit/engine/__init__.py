"""What every room needs of the machine: temporary folders and their owners."""
