"""The table where every source's rows meet: typed, coded, keyed, and refused where they must be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice

import duckdb
import pyarrow as pa

from invitekit import schema
from invitekit.errors import SourceError
from invitekit.load import cells, times
from invitekit.load.headers import Headers
from invitekit.load.sql import ident, insert, lit, one, rows, run
from invitekit.load.tables import ROW, Table

READ = tuple(c for c in schema.RECORD if c.name not in schema.DERIVED)
TIMES = tuple(c.name for c in READ if c.kind == "time")
CODES = tuple(c.name for c in READ if c.kind == "code")
IDENTIFYING = ("record_id", "account_name", "email", "customer_full_name", "customer_name", "mobile")
SAMPLE = 2000


@dataclass
class Intake:
    """One source on its way into the staging table, and what was found on the way."""

    number: int
    table: Table
    headers: Headers
    first_rowid: int = 0
    rows_read: int = 0
    forms: dict[str, str | None] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)


def create(con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake]) -> None:
    """Make the empty tables: one column per schema column and per extra column of any source."""
    kinds = {"time": "timestamp"}
    columns = [f"{ident(c.name)} {kinds.get(c.kind, 'varchar')}" for c in READ]
    columns += [f"{ident(raw_column(name))} varchar" for name in TIMES]
    columns += [f"{ident(name)} varchar" for name in extra_names(intakes)]
    run(
        con,
        f"create table ik_staging (_ik_file integer, {ROW} bigint, {', '.join(columns)}, "
        "unrecognised varchar, _ik_column varchar, _ik_reason varchar)",
    )
    run(
        con,
        "create table ik_files (number integer, name varchar, first_rowid bigint, first_row bigint, "
        "snapshot_at timestamp)",
    )
    con.execute(
        'create table ik_rejects (source_file varchar, source_row bigint, "column" varchar, reason varchar, '
        "content varchar)"
    )


def extra_names(intakes: Sequence[Intake]) -> list[str]:
    """Name the extra columns of all sources, each once; names differ in more than case."""
    names: dict[str, str] = {}
    for intake in intakes:
        for name in intake.headers.extra.values():
            names.setdefault(name.casefold(), name)
    return list(names.values())


def raw_column(name: str) -> str:
    """Name the staging column that keeps a time's text until it is read."""
    return f"_ik_raw_{name}"


def take_in(con: duckdb.DuckDBPyConnection, intake: Intake, zone: str) -> None:
    """Insert a source's rows: the quick way when the count of lines proves it, else row by row.

    Raises:
        SourceError: The source cannot be read to its end.
    """
    intake.first_rowid = _count(con)
    for macro in cells.macros(intake.table.white):
        run(con, macro)
    if intake.table.careful is not None and not _quickly(con, intake, zone):
        intake.table = intake.table.careful()
        intake.forms.clear()
    if intake.table.careful is None:
        _insert(con, intake, zone)
    staged = _count(con) - intake.first_rowid
    intake.rows_read = staged + len(intake.table.refused)
    _refuse_unread(con, intake)


def _count(con: duckdb.DuckDBPyConnection) -> int:
    return one(con, "select count(*) from ik_staging")


def _quickly(con: duckdb.DuckDBPyConnection, intake: Intake, zone: str) -> bool:
    """Read with DuckDB alone; keep it only if rows and line breaks inside cells add up to the lines."""
    with ThreadPoolExecutor(1) as pool:
        lines = pool.submit(intake.table.count_lines or int)
        run(con, "begin")
        try:
            _insert(con, intake, zone)
            rows = _count(con) - intake.first_rowid
            proven = rows == lines.result() or rows + _inner_breaks(con, intake) == lines.result()
        except duckdb.Error:
            # Ragged, badly quoted or not UTF-8: DuckDB's message would quote the row.
            proven = False
        run(con, "commit" if proven else "rollback")
    return proven


def _inner_breaks(con: duckdb.DuckDBPyConnection, intake: Intake) -> int:
    names = [*intake.headers.canonical.values(), *intake.headers.extra.values()]
    texts = [ident(n) for n in names if n not in TIMES]
    breaks = [
        f"sum(case when contains({t}, chr(10)) then strlen({t}) - strlen(replace({t}, chr(10), '')) else 0 end)"
        for t in texts
    ]
    return one(
        con,
        f"select {' + '.join(f'coalesce({b}, 0)' for b in breaks)} from ik_staging where rowid >= {intake.first_rowid}",
    )


def _insert(con: duckdb.DuckDBPyConnection, intake: Intake, zone: str) -> None:
    table = intake.table
    rest = _peek(con, table)
    try:
        _look_ahead(con, intake)
        if rest is not None:
            con.register("_ik_source", rest)
        names, values = _columns(intake, zone)
        run(con, f"insert into ik_staging ({', '.join(names)}) select {', '.join(values)} from {table.scan}")
    except duckdb.Error as error:
        if table.careful is not None:
            raise
        raise _unreadable(table, error) from None
    finally:
        if table.frame is not None:
            con.unregister("_ik_source")


def _peek(con: duckdb.DuckDBPyConnection, table: Table) -> pa.Table | pa.RecordBatchReader | None:
    """Register a source's first rows for the look ahead, and give all of its rows for the reading."""
    frame = table.frame
    if not isinstance(frame, pa.RecordBatchReader):
        if frame is not None:
            con.register("_ik_source", frame)
        return frame
    first = list(islice(frame, 1))
    con.register("_ik_source", pa.Table.from_batches(first, schema=frame.schema))
    return pa.RecordBatchReader.from_batches(frame.schema, chain(first, frame))


def _unreadable(table: Table, error: duckdb.Error) -> SourceError:
    kind = type(error).__name__.removesuffix("Exception")
    return SourceError(
        f"'{table.name}' cannot be read to its end ({kind}).",
        hint="it may be truncated or damaged: export it again.",
    )


def _look_ahead(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    """Learn from the first rows which texts the codes have and which form the times have."""
    wanted = {p: n for p, n in intake.headers.canonical.items() if n in TIMES or n in CODES}
    if not wanted:
        return
    picked = ", ".join(f"c{p}::varchar as c{p}" for p in wanted)
    run(
        con,
        f"create or replace temp table ik_ahead as select {picked} from {intake.table.scan} limit {SAMPLE}",
    )
    for position, name in wanted.items():
        if name in CODES:
            found = rows(
                con, f"select c{position} from ik_ahead where c{position} is not null group by 1 order by count(*) desc"
            )
            intake.codes[name] = cells.known_texts(name, [row[0] for row in found])
        else:
            intake.forms[name] = _main_form(con, f"c{position}")


def _main_form(con: duckdb.DuckDBPyConnection, raw: str) -> str | None:
    counts = ", ".join(f"count(try_strptime({raw}, {lit(form)}))" for form in times.FORMS.values())
    row = rows(con, f"select {counts} from ik_ahead")[0]
    best = max(zip(row, times.FORMS.values(), strict=True), key=lambda pair: pair[0])
    return best[1] if best[0] else None


def _columns(intake: Intake, zone: str) -> tuple[list[str], list[str]]:
    """Pair each staging column with the expression that fills it."""
    names = ["_ik_file", ROW]
    values = [str(intake.number), ROW if intake.table.numbered else "null"]
    for position, name in intake.headers.canonical.items():
        for column, value in _cell(intake, position, name, zone):
            names.append(ident(column))
            values.append(value)
    for position, name in intake.headers.extra.items():
        names.append(ident(name))
        values.append(cells.text(name, _as_varchar(intake.table, position)))
    return names, values


def _cell(intake: Intake, position: int, name: str, zone: str) -> list[tuple[str, str]]:
    raw, kind = f"c{position}", intake.table.column_type(position)
    if name in CODES:
        return [(name, cells.code(intake.codes.get(name, {}), _as_varchar(intake.table, position)))]
    if name not in TIMES:
        return [(name, cells.text(name, _as_varchar(intake.table, position)))]
    if kind.startswith(("TIMESTAMP", "DATE")):
        local = "TIME ZONE" not in kind and zone != "UTC"
        typed = f"timezone({lit(zone)}, {raw}::timestamp)::timestamp" if local else f"{raw}::timestamp"
        bad = f"case when {raw} is not null and ik_in_range({typed}) is null then {raw}::varchar end"
        return [(name, f"ik_in_range({typed})"), (raw_column(name), bad)]
    text = _as_varchar(intake.table, position)
    parsed = cells.time(intake.forms.get(name), zone, text)
    return [(name, parsed), (raw_column(name), f"case when {parsed} is null then {text} end")]


def _as_varchar(table: Table, position: int) -> str:
    kind, raw = table.column_type(position), f"c{position}"
    if kind in ("DOUBLE", "FLOAT"):
        # A mobile that went through a spreadsheet or pandas is a float: 13800001111.0.
        return (
            f"case when {raw} = floor({raw}) and abs({raw}) < 1e18 then {raw}::bigint::varchar else {raw}::varchar end"
        )
    return raw if kind == "VARCHAR" else f"{raw}::varchar"


def _refuse_unread(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    refused = [
        (intake.table.name, r.number, None, r.reason, r.content.encode("utf-8", "backslashreplace").decode())
        for r in intake.table.refused
    ]
    insert(con, "ik_rejects", refused)


def refuse(con: duckdb.DuckDBPyConnection, intake: Intake, condition: str, column: str | None, reason: str) -> int:
    """Mark this source's rows that meet a condition as refused, with the column and the reason; count them."""
    where = f"_ik_file = {intake.number} and _ik_reason is null and ({condition})"
    count = one(con, f"select count(*) from ik_staging where {where}")
    if count:
        shown = "null" if column is None else lit(column)
        run(con, f"update ik_staging set _ik_column = {shown}, _ik_reason = {lit(reason)} where {where}")
    return count


def refuse_nobody(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    """Refuse rows that name nobody: no record could be told apart by them."""
    nobody = " and ".join(f"{name} is null" for name in IDENTIFYING)
    refuse(con, intake, nobody, None, "has no name, account, email, mobile or ID: it names nobody")


def set_aside(con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake]) -> None:
    """Copy refused rows to the rejects, their filled cells as one JSON text."""
    names = [c.name for c in READ] + extra_names(intakes)
    texts = {n: f"s.{ident(n)}::varchar" for n in names}
    texts |= {n: f"coalesce(s.{raw_column(n)}, s.{n}::varchar)" for n in TIMES}
    pairs = [f"{lit(n)}: {text}" for n, text in texts.items()]
    refused = rows(
        con,
        f"select f.name, {source_row()}, s._ik_column, s._ik_reason, {{{', '.join(pairs)}}} "
        "from ik_staging s join ik_files f on f.number = s._ik_file where s._ik_reason is not null",
    )
    insert(con, "ik_rejects", [(*row[:4], _filled(row[4])) for row in refused])


def _filled(cells_by_name: dict[str, str | None]) -> str:
    return json.dumps({k: v for k, v in cells_by_name.items() if v is not None}, ensure_ascii=False)


def source_row() -> str:
    """The SQL for a row's number in its source, as a spreadsheet shows it."""
    return f"coalesce(s.{ROW}, s.rowid - f.first_rowid + f.first_row)"
