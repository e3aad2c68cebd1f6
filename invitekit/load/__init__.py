"""The one door in: files or frames become records, and whatever was refused keeps its reason."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from invitekit.engine.frames import HasRecords
from invitekit.load import times
from invitekit.load.door import Reading, as_paths, open_all, read
from invitekit.load.messages import MessageFinding
from invitekit.load.settle import DateFinding
from invitekit.load.source import passed_over
from invitekit.load.summary import FileSummary, Masked, Summary, UnknownMessage
from invitekit.load.text import Wishes
from invitekit.model.catalogue import Catalogue, read_catalogue

__all__ = [
    "DateFinding",
    "FileSummary",
    "Loaded",
    "Masked",
    "MessageFinding",
    "Summary",
    "UnknownMessage",
    "load",
]


@dataclass(frozen=True, slots=True)
class Loaded(HasRecords):
    """What came in: three values.

    Attributes:
        records: A DuckDB relation, one row a record, columns of ``schema.RECORD`` and then the
            sources' extra columns; times are UTC without an offset. ``.pl()`` and ``.df()`` give
            Polars and pandas frames.
        rejects: A DuckDB relation, one row a refused row: ``source_file, source_row, column,
            reason, content``. It holds personal data, as the sources do.
        summary: What was understood; ``rows_read == records + rejects``.
    """

    records: duckdb.DuckDBPyRelation
    rejects: duckdb.DuckDBPyRelation
    summary: Summary

    def __repr__(self) -> str:
        return f"Loaded: {self.summary}"

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()


def load(
    sources: Any,
    *,
    columns: Mapping[str, str] | None = None,
    snapshot_at: dt.datetime | dt.date | None = None,
    time_zone: str = "UTC",
    day_first: bool | None = None,
    encoding: str | None = None,
    messages: str | os.PathLike[str] | None = None,
    messages_key: str | None = None,
    catalogue: Catalogue | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Loaded:
    """Read customer records from files or a frame; nothing is lost and nothing is guessed silently.

    Args:
        sources: A path, folder or glob, several of them, or a frame: Polars, DuckDB relation,
            pandas, Arrow or PySpark (which is brought onto this machine).
        columns: Which header holds which column, ``{'status': 'State'}``; else the known
            headers in English and Chinese are understood.
        snapshot_at: When the sources were exported; else a column of theirs, else the date in
            the file's name, says so.
        time_zone: Where times without an offset were written, an IANA name.
        day_first: What ``03/04/2025`` means; else each column's own cells decide, and when they
            cannot, the day comes first and the summary says so.
        encoding: The encoding of text files, when it is none of UTF-8, UTF-16, GB18030.
        messages: A second file that adds failure messages to failed records that have none.
        messages_key: The column to match it on; else the first key that it has.
        catalogue: The failure messages known; else the built-in ones.
        progress: Called before each source with its name, the bytes read so far and in all.

    Returns:
        ``Loaded(records, rejects, summary)``.

    Raises:
        SourceError: A file is missing, empty, binary, damaged, protected or of an unknown type.
        SchemaError: No status column, two columns of one meaning, a mapping to nothing.
        ArgumentError: An argument that means nothing, such as an unknown time zone.

    Example:
        >>> import polars as pl
        >>> loaded = load(pl.DataFrame({"Account": ["a1"], "Status": ["已关联"]}))
        >>> loaded.records.pl()["status"].to_list()
        ['associated']
    """
    times.time_zone(time_zone)  # raises, if there is no such zone
    plan = Reading(
        zone=time_zone,
        day_first=day_first,
        snapshot_at=_as_time(snapshot_at),
        messages=messages,
        messages_key=messages_key,
        catalogue=catalogue or read_catalogue(),
        progress=progress or (lambda _name, _done, _total: None),
    )
    wishes = Wishes(dict(columns or {}), encoding)
    records, rejects, summary = read(open_all(sources, wishes), wishes, plan)
    left = (*summary.passed_over, *passed_over(as_paths(sources)))
    return Loaded(records, rejects, replace(summary, passed_over=left))


def _as_time(at: dt.datetime | dt.date | None) -> dt.datetime | None:
    if isinstance(at, dt.datetime):
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else at
    return None if at is None else dt.datetime(at.year, at.month, at.day)  # noqa: DTZ001 - naive UTC
