"""The model of a record: its customer, its invitation, and which record is the latest."""
