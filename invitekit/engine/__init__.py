"""Everything that differs between engines."""
