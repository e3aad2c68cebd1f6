"""Read customer records from files or frames: records, rejected rows with their reasons, and a summary."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from invitekit.engine.datetimes import as_utc
from invitekit.engine.frames import HasRecords
from invitekit.engine.scratch_dirs import remove_abandoned_scratch_dirs
from invitekit.errors import ArgumentError, check_type, own_error, raise_alone
from invitekit.i18n import _
from invitekit.ingest.cleaning import record_types
from invitekit.ingest.datetimes import DateReport, check_time_zone
from invitekit.ingest.discover import list_files
from invitekit.ingest.failure_messages import MessageJoinReport
from invitekit.ingest.headers import ReadOptions
from invitekit.ingest.pipeline import LoadOptions, as_paths, extra_names, nameless_columns, open_all, read_all
from invitekit.ingest.shared_ids import notes_on_ids
from invitekit.ingest.stores import DuckDBStore, Engine, EngineChoice, MemoryStore, Store, choose_engine
from invitekit.ingest.summary import FileSummary, Masked, Summary, UnknownMessage
from invitekit.ingest.words import read_words
from invitekit.model.catalogue import Catalogue, known_failures

__all__ = ["DateReport", "FileSummary", "Loaded", "Masked", "MessageJoinReport", "Summary", "UnknownMessage", "load"]


@dataclass(frozen=True, slots=True)
class Loaded(HasRecords):
    """The result of ``load``.

    Attributes:
        records: One row a record, in the order of the sources: the columns of ``schema.RECORD``, then the
            sources' extra columns as text. Times are UTC without an offset (microseconds). A Polars frame,
            or a DuckDB relation for ``engine="duckdb"``.
        rejects: One row a rejected row, by source and row: ``source_file, source_row, column, reason, content,
            snapshot_at`` (UTC, or null). On the same engine. It contains personal data, as the sources do.
        summary: How the sources were read; ``rows_read == records + rejects``.
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
    """Read customer records from files or a frame. Every row becomes a record or a rejected row with its reason.

    Args:
        sources: A path, folder or glob, several of them, or a frame: Polars, DuckDB relation,
            pandas, Arrow or PySpark (which is brought onto this machine).
        columns: The header of each column that you choose, ``{'status': 'State'}``. Known headers in English and
            Chinese need no choice.
        snapshot_at: When the sources were exported. Default: the snapshot column of the source, else the date in the
            file's name.
        time_zone: The zone of times without an offset, an IANA name. A zone in a header, such as
            ``Invitation Time (UTC+8)``, takes precedence for its column.
        day_first: Whether the day comes first in ``03/04/2025``. By default the cells of each column decide; if they
            do not, the day comes first and the summary reports it.
        encoding: The encoding of text files, if it is not UTF-8, UTF-16 or GB18030.
        messages: A second file with failure messages, for failed records without one.
        messages_key: The column to match it on. Default: the first key that both have.
        catalogue: The known failure messages. Default: the built-in ones.
        words: A TOML file with the meaning of your files' own words for status, method and type:
            ``[status]``, ``"in Bearbeitung" = "invited"``.
        required: The column that each source must have; ``associated_at`` for a customer list, which has no status.
        progress: Called before each source with its name, the bytes read so far and in all.
        engine: ``polars`` for frames in memory, ``duckdb`` for relations in a private database on disk, if the
            sources do not fit into memory. ``auto`` chooses by the size of the files.

    Returns:
        ``Loaded(records, rejects, summary)``.

    Raises:
        SourceError: A file is missing, empty, binary, damaged, protected or of an unknown type.
        OutputError: The folder of temporary files cannot be written, or is full.
        SchemaError: The status column is missing, two columns have one meaning, or a chosen header is missing.
        ArgumentError: An argument is not valid, such as an unknown time zone, or the file of words is wrong.

    Example:
        >>> import polars as pl
        >>> loaded = load(pl.DataFrame({"Account": ["a1"], "Status": ["已关联"]}))
        >>> loaded.records["status"].to_list()
        ['associated']
    """
    check_type("columns", columns or {}, Mapping, _("give the header of each column, by the column's name."))
    check_type("day_first", day_first, (bool, type(None)), _("give True or False."))
    check_time_zone(time_zone)
    if engine not in ("polars", "duckdb", "auto"):
        raise ArgumentError(
            _("{name} is '{value}'.", name="engine", value=engine), hint=_("use 'polars', 'duckdb' or 'auto'.")
        )
    options = LoadOptions(
        zone=time_zone,
        day_first=day_first,
        snapshot_at=None if snapshot_at is None else as_utc(snapshot_at, "snapshot_at"),
        messages=messages,
        messages_key=messages_key,
        catalogue=known_failures(catalogue),
        words=read_words(words),
        progress=progress or (lambda _name, _done, _total: None),
    )
    remove_abandoned_scratch_dirs()
    files = list_files(as_paths(sources))
    states = open_all(files.paths or sources, ReadOptions(dict(columns or {}), encoding, required), options)
    chosen = EngineChoice(engine, None)
    if engine == "auto":
        chosen = choose_engine({state.source for state in states if state.source})
    extras = extra_names(states)
    types, size = record_types(extras), sum(state.size for state in states)
    store: Store | None = None
    try:
        store = MemoryStore(types) if chosen.engine == "polars" else DuckDBStore(types, size)
        summary = read_all(states, extras, store, options)
        records, rejects = store.results(nameless_columns(states))
    except BaseException as error:
        if store is not None:
            store.close()
        if (known := own_error(error)) is None or known is error:
            raise
        raise_alone(known)
    has_customer_ids = any("portal_customer_id" in file.headers.values() for file in summary.files)
    summary = replace(
        summary,
        files=tuple(replace(f, extras=tuple(e for e in f.extras if e in records.columns)) for f in summary.files),
        ignored=(*summary.ignored, *files.ignored),
        notes=(*summary.notes, *notes_on_ids(records, has_customer_ids=has_customer_ids)),
        engine=chosen.engine,
        engine_reason=chosen.reason,
    )
    return Loaded(records, rejects, summary)
