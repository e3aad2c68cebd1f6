"""The model of records: columns, failures, customers, invitations and filters."""
