"""Read customer records from files or frames: records, rejected rows with their reasons, and a summary."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from invitekit.engine.frames import HasRecords
from invitekit.engine.scratch_dirs import remove_abandoned_scratch_dirs
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.ingest.datetimes import DateReport, check_time_zone
from invitekit.ingest.discover import list_files
from invitekit.ingest.engine_choice import Engine, EngineChoice, choose_engine
from invitekit.ingest.failure_messages import MessageJoinReport
from invitekit.ingest.headers import ReadOptions
from invitekit.ingest.pipeline import LoadOptions, as_paths, open_all, read_all
from invitekit.ingest.stores import DuckDBStore, MemoryStore
from invitekit.ingest.summary import FileSummary, Masked, Summary, UnknownMessage
from invitekit.ingest.words import read_words
from invitekit.model.catalogue import Catalogue, read_catalogue

__all__ = [
    "DateReport",
    "FileSummary",
    "Loaded",
    "Masked",
    "MessageJoinReport",
    "Summary",
    "UnknownMessage",
    "load",
]


@dataclass(frozen=True, slots=True)
class Loaded(HasRecords):
    """The result of ``load``.

    Attributes:
        records: One row a record, in the order of the sources: the columns of ``schema.RECORD``, then the
            sources' extra columns as text. Times are UTC without an offset (microseconds). A Polars frame,
            or a DuckDB relation for ``engine="duckdb"``.
        rejects: One row a rejected row, by source and row: ``source_file, source_row, column, reason, content,
            snapshot_at`` (UTC, or null). On the same engine. It contains personal data, as the sources do.
        summary: What was understood; ``rows_read == records + rejects``.
    """

    records: Any
    rejects: Any
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
    words: str | os.PathLike[str] | None = None,
    required: str = "status",
    progress: Callable[[str, int, int], None] | None = None,
    engine: Engine = "polars",
) -> Loaded:
    """Read customer records from files or a frame; nothing is lost and nothing is guessed silently.

    Args:
        sources: A path, folder or glob, several of them, or a frame: Polars, DuckDB relation,
            pandas, Arrow or PySpark (which is brought onto this machine).
        columns: Which header is which column, ``{'status': 'State'}``; else the known
            headers in English and Chinese are understood.
        snapshot_at: When the sources were exported; else a column of theirs, else the date in
            the file's name.
        time_zone: Where times without an offset were written, an IANA name; a header that states a zone, such as
            ``Invitation Time (UTC+8)``, counts first for its own column.
        day_first: What ``03/04/2025`` means; else each column's own cells decide, and when they
            cannot, the day comes first and the summary says so.
        encoding: The encoding of text files, when it is none of UTF-8, UTF-16, GB18030.
        messages: A second file that adds failure messages to failed records that have none.
        messages_key: The column to match it on; else the first key that both have.
        catalogue: The failure messages known; else the built-in ones.
        words: A TOML file that says which status, method or type your files' own words mean:
            ``[status]``, ``"in Bearbeitung" = "invited"``.
        required: The column that each source must have; ``associated_at`` for a list of customers, which has no status.
        progress: Called before each source with its name, the bytes read so far and in all.
        engine: ``polars`` for frames in memory, ``duckdb`` for relations on a private database on disk:
            for sources that do not fit into memory. ``auto`` chooses by the size of the files.

    Returns:
        ``Loaded(records, rejects, summary)``.

    Raises:
        SourceError: A file is missing, empty, binary, damaged, protected or of an unknown type.
        SchemaError: No status column, two columns of one meaning, a mapping to nothing.
        ArgumentError: An argument is not valid, such as an unknown time zone, or the file of words is wrong.

    Example:
        >>> import polars as pl
        >>> loaded = load(pl.DataFrame({"Account": ["a1"], "Status": ["已关联"]}))
        >>> loaded.records["status"].to_list()
        ['associated']
    """
    check_time_zone(time_zone)
    if engine not in ("polars", "duckdb", "auto"):
        raise ArgumentError(
            _("{name} is '{value}'.", name="engine", value=engine), hint=_("use 'polars', 'duckdb' or 'auto'.")
        )
    options = LoadOptions(
        zone=time_zone,
        day_first=day_first,
        snapshot_at=_as_time(snapshot_at),
        messages=messages,
        messages_key=messages_key,
        catalogue=catalogue or read_catalogue(),
        words=read_words(words),
        progress=progress or (lambda _name, _done, _total: None),
    )
    remove_abandoned_scratch_dirs()
    files = list_files(as_paths(sources))
    states = open_all(files.paths or sources, ReadOptions(dict(columns or {}), encoding, required), options)
    chosen = EngineChoice(engine, None)
    if engine == "auto":
        chosen = choose_engine({state.source for state in states if state.source})
    store = MemoryStore() if chosen.engine == "polars" else DuckDBStore(sum(state.size for state in states))
    try:
        summary = read_all(states, store, options)
    except BaseException:
        store.close()
        raise
    records, rejects = store.results()
    ignored = (*summary.ignored, *files.ignored)
    return Loaded(
        records, rejects, replace(summary, ignored=ignored, engine=chosen.engine, engine_reason=chosen.reason)
    )


def _as_time(at: dt.datetime | dt.date | None) -> dt.datetime | None:
    if isinstance(at, dt.datetime):
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else at
    return None if at is None else dt.datetime(at.year, at.month, at.day)  # noqa: DTZ001 - naive UTC
