"""Take the records of what ``load`` returned, where a frame is wanted."""

from __future__ import annotations

from typing import Any


class HasRecords:
    """A value whose ``records`` and ``rejects`` are frames: what ``load`` returns."""

    __slots__ = ()

    records: Any
    rejects: Any


def as_frame(records: Any) -> Any:
    """Return the records of what ``load`` returned; a frame stays as it is."""
    return records.records if isinstance(records, HasRecords) else records
