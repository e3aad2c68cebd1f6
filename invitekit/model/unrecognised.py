"""Read the column ``unrecognised``: the unknown words of a record."""

from __future__ import annotations

import re

from invitekit.model import schema

_NEXT_COLUMN = re.compile(f"; (?=(?:{'|'.join(column.name for column in schema.RECORD)}): )")


def unrecognised_texts(cell: str) -> list[tuple[str, str]]:
    """Return pairs of column and text: ``"status: Frozen; invitation_method: Fax"`` has two."""
    parts = (part.partition(": ") for part in _NEXT_COLUMN.split(cell))
    return [(name, text) for name, _, text in parts if text.strip()]
