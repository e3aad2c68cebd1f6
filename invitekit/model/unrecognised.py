"""Read the column ``unrecognised``: the unknown words of a record."""

from __future__ import annotations

import re
from functools import cache

from invitekit.model import schema


def unrecognised_texts(cell: str) -> list[tuple[str, str]]:
    """Return pairs of column and text: ``"status: Frozen; invitation_method: Fax"`` has two."""
    parts = (part.partition(": ") for part in _next_column().split(cell))
    return [(name, text) for name, _, text in parts if text.strip()]


@cache
def _next_column() -> re.Pattern[str]:
    return re.compile(f"; (?=(?:{'|'.join(column.name for column in schema.RECORD)}): )")
