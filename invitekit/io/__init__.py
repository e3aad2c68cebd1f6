"""Files that are written: whole or not at all, locked, and safe in a spreadsheet."""
