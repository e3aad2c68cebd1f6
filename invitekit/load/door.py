"""The order of the steps: open, take in, settle, refuse, key, count."""

from __future__ import annotations

import datetime as dt
import os
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import InvitekitError, SchemaError
from invitekit.load import counts, settle, staging
from invitekit.load.frames import as_arrow
from invitekit.load.headers import check_choice, map_headers
from invitekit.load.intake import IDENTIFYING, Intake, extra_names
from invitekit.load.messages import add_messages
from invitekit.load.settle import DateFinding
from invitekit.load.source import Source, find_sources
from invitekit.load.sql import ident, lit, per_source, run
from invitekit.load.summary import FileSummary, Summary
from invitekit.load.table import Table
from invitekit.load.tables import frame_table, open_tables
from invitekit.load.text import Wishes
from invitekit.model import schema
from invitekit.model.catalogue import Catalogue

_SQL_TYPES = {"text": "varchar", "code": "varchar", "time": "timestamp", "integer": "bigint"}
ON_DISK = 1 << 30
"""Bytes of source past which the records live in a private temporary file, not in memory."""
PACKED = {"parquet": 8}
"""How much more a source of a format holds than its bytes say [assumed: beside the same rows as CSV]."""
MEMORY_LIMIT = "1500MB"
"""What DuckDB may hold in memory once the records live on disk."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to settle what the sources leave open."""

    zone: str
    day_first: bool | None
    snapshot_at: dt.datetime | None
    messages: str | os.PathLike[str] | None
    messages_key: str | None
    catalogue: Catalogue
    progress: Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that was looked at but not read: its table, its file if it has one."""

    table: Table
    source: Source | None


def as_paths(sources: Any) -> list[str | os.PathLike[str]]:
    """Give the sources that are paths: all of them, or none where they are frames."""
    given = [sources] if isinstance(sources, str | os.PathLike) else sources
    if isinstance(given, list | tuple | set) and all(isinstance(s, str | os.PathLike) for s in given):
        return list(given)
    return []


def open_all(sources: Any, wishes: Wishes) -> list[Opened]:
    """Look at every source before any is read, so that a bad one costs no time."""
    paths = as_paths(sources)
    if paths or (isinstance(sources, list | tuple) and not sources):
        return [
            Opened(table, source)
            for source in find_sources(paths, wishes.encoding)
            for table in open_tables(source, wishes)
        ]
    frames = sources if isinstance(sources, list | tuple) else [sources]
    names = ["frame"] if len(frames) == 1 else [f"frame {i}" for i in range(1, len(frames) + 1)]
    return [Opened(frame_table(as_arrow(f), n, wishes), None) for f, n in zip(frames, names, strict=True)]


def read(
    opened: Sequence[Opened], wishes: Wishes, reading: Reading
) -> tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation, Summary]:
    """Read opened sources into records, rejects and a summary."""
    intakes = [Intake(number, o.table, map_headers(o.table.headers, wishes.columns)) for number, o in enumerate(opened)]
    check_choice(wishes.columns, [i.headers for i in intakes])
    for intake in intakes:
        _require_identity(intake)
    sources = {o.source for o in opened if o.source}
    con = _connect(sum(source.size * PACKED.get(source.format, 1) for source in sources))
    try:
        return _read(con, opened, intakes, reading)
    except BaseException:
        con.close()
        raise


def _require_identity(intake: Intake) -> None:
    if not set(IDENTIFYING) & set(intake.headers.canonical.values()):
        raise SchemaError(
            f"No column of '{intake.table.name}' tells records apart.",
            hint="give one of these: " + ", ".join(schema.label(n) for n in IDENTIFYING) + ".",
        )


def _connect(size: int) -> duckdb.DuckDBPyConnection:
    """Open a private database: in memory, or a file that only we can read and that goes with it."""
    folder = scratch_dir()
    path = str(Path(folder.name) / "records.duckdb") if size > ON_DISK else ":memory:"
    con = duckdb.connect(path)
    run(con, f"set temp_directory = {lit(str(Path(folder.name) / 'spill'))}")
    run(con, "set TimeZone = 'UTC'")
    run(con, "set enable_progress_bar = false")
    if size > ON_DISK:
        run(con, f"set memory_limit = '{MEMORY_LIMIT}'")
    weakref.finalize(con, folder.cleanup)
    return con


def _read(
    con: duckdb.DuckDBPyConnection, opened: Sequence[Opened], intakes: list[Intake], reading: Reading
) -> tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation, Summary]:
    staging.create(con, intakes)
    dates: list[DateFinding] = []
    unknown: dict[str, Counter[str]] = {}
    sizes = [o.source.size if o.source else 0 for o in opened]
    for intake in intakes:
        reading.progress(intake.table.name, sum(sizes[: intake.number]), sum(sizes))
        staging.take_in(con, intake, reading.zone)
        dates += settle.settle_times(con, intake, reading.zone, day_first=reading.day_first)
        staging.refuse_nobody(con, intake)
        for name, texts in settle.settle_codes(con, intake).items():
            unknown.setdefault(name, Counter()).update(texts)
    found = add_messages(con, reading.messages, reading.messages_key) if reading.messages else None
    snapshots = [_snapshot(o, i, reading) for o, i in zip(opened, intakes, strict=True)]
    staging.set_aside(con, intakes)
    records = _records(con, intakes, [at for at, _ in snapshots])
    rejects = con.sql("select * from ik_rejects order by source_file, source_row")
    files = _files(con, opened, intakes, snapshots)
    summary = Summary(
        files=files,
        dates=tuple(dates),
        time_zone=reading.zone,
        unknown_codes=unknown,
        unknown_messages=counts.unknown_messages(con, reading.catalogue),
        masked=counts.masked(con, frozenset().union(*(i.table.masks for i in intakes))),
        reject_reasons=counts.reject_reasons(con),
        failed_without_message=counts.failed_without_message(con),
        messages=found,
        passed_over=tuple(name for i in intakes for name in i.table.beside),
    )
    return records, rejects, summary


def _snapshot(opened: Opened, intake: Intake, reading: Reading) -> tuple[dt.datetime | None, str | None]:
    """Say when a source was exported, and by what we know."""
    if reading.snapshot_at is not None:
        return reading.snapshot_at, "argument"
    if "snapshot_at" in intake.headers.canonical.values():
        return None, "column"
    at = opened.source.snapshot_at if opened.source else None
    return at, "file name" if at else None


def _records(
    con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake], snapshots: Sequence[dt.datetime | None]
) -> duckdb.DuckDBPyRelation:
    has = staging.present(con)
    staged = {c.name: f"s.{c.name}" if c.name in has else f"null::{_SQL_TYPES[c.kind]}" for c in schema.RECORD}
    row, name = staging.source_row(con, intakes), staging.source_name(intakes)
    dated = per_source(["null" if at is None else f"timestamp '{at}'" for at in snapshots])
    computed = {
        "record_id": f"coalesce({staged['record_id']}, {_record_id(staged, name, row)})",
        "snapshot_at": f"coalesce({dated}::timestamp, {staged['snapshot_at']})",
        "source_file": name,
        "source_row": row,
    }
    columns = staged | computed | {name: f"s.{ident(name)}" for name in extra_names(intakes)}
    chosen = ", ".join(f"{value} as {ident(name)}" for name, value in columns.items())
    run(
        con,
        f"create view records as select {chosen} from ik_staging s where {staging.kept(con)}",
    )
    return con.table("records")


def _record_id(staged: dict[str, str], name: str, row: str) -> str:
    """Derive an ID from the natural key, unmasked values only; else from the row itself.

    A masked value is shared by many customers: an ID made from it would join strangers. Such a
    record gets an ID of its own, with the letter r, that means nothing in another file.
    """
    plain = {n: f"case when ik_masked({staged[n]}) then null else {staged[n]} end" for n in schema.NATURAL_KEY}
    person = (
        f"coalesce({plain['account_name']}, {plain['email']}, "
        f"{plain['customer_full_name']} || '|' || {plain['mobile']})"
    )
    when = f"{staged['invitation_method']}, {staged['invited_at']}"
    own = f"'r' || md5(concat_ws('|', {name}, {row}))"
    return f"case when {person} is null then {own} else 'k' || md5(concat_ws('|', lower({person}), {when})) end"


def _files(
    con: duckdb.DuckDBPyConnection,
    opened: Sequence[Opened],
    intakes: Sequence[Intake],
    snapshots: Sequence[tuple[dt.datetime | None, str | None]],
) -> tuple[FileSummary, ...]:
    records, rejects = counts.by_file(con)
    files = []
    for o, intake, (at, by) in zip(opened, intakes, snapshots, strict=True):
        table = intake.table
        files.append(
            FileSummary(
                name=table.name,
                format=o.source.format if o.source else "frame",
                encoding=table.encoding,
                delimiter=table.delimiter,
                rows_read=intake.rows_read,
                records=records.get(intake.number, 0),
                rejects=rejects.get(table.name, 0),
                snapshot_at=at,
                snapshot_from=by,
                headers={intake.headers.found[p]: n for p, n in intake.headers.canonical.items()},
                extras=tuple(intake.headers.extra.values()),
            )
        )
        if files[-1].rows_read != files[-1].records + files[-1].rejects:
            raise InvitekitError(
                f"'{table.name}': {files[-1].rows_read} rows read are not {files[-1].records} records "
                f"and {files[-1].rejects} rejects.",
                hint="this is a defect of invitekit: nothing was written; please report it.",
            )
    return tuple(files)
