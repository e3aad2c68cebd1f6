"""What one engine needs and no other room should know: each trick under its own name."""
