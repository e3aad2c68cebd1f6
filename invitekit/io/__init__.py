"""Write files: whole or not at all, locked, and safe in a spreadsheet."""
