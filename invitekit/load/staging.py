"""The table where every source's rows meet: typed, coded, keyed, and refused where they must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

import duckdb
import pyarrow as pa

from invitekit.errors import SourceError
from invitekit.load import cells, reading, text
from invitekit.load.intake import CODES, IDENTIFYING, TIMES, Intake, extra_names, raw_column, staged_names
from invitekit.load.sql import ident, insert, lit, one, per_source, rows, run
from invitekit.load.table import ROW, Table
from invitekit.model import schema

FREE_TEXT = frozenset(column.name for column in schema.COLUMNS if column.privacy == "free_text")


def create(con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake]) -> None:
    """Make the empty tables: one column per schema column and per extra column of any source."""
    # A column of nulls costs as much as one of texts: what no source needs is not made.
    names = staged_names(intakes)
    columns = [f"{n} {'timestamp' if n in TIMES else 'varchar'}" for n in names]
    columns += [f"{raw_column(n)} varchar" for n in names if n in TIMES]
    columns += [f"{ident(n)} varchar" for n in extra_names(intakes)]
    run(con, f"create table ik_staging (_ik_file integer, {', '.join(columns)})")
    run(
        con,
        'create table ik_rejects (source_file varchar, source_row bigint, "column" varchar, reason varchar, '
        "content varchar)",
    )


def ensure(con: duckdb.DuckDBPyConnection, name: str, kind: str = "varchar") -> None:
    """Add a staging column when it is first needed."""
    run(con, f"alter table ik_staging add column if not exists {name} {kind}")


def present(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Name the columns that the staging table has by now."""
    return frozenset(row[0] for row in rows(con, "select name from pragma_table_info('ik_staging')"))


def kept(con: duckdb.DuckDBPyConnection) -> str:
    """The SQL condition that a staged row was not refused."""
    return "_ik_reason is null" if "_ik_reason" in present(con) else "true"


def take_in(con: duckdb.DuckDBPyConnection, intake: Intake, zone: str) -> None:
    """Insert a source's rows: the quick way when the count of lines proves it, else row by row.

    Raises:
        SourceError: The source cannot be read to its end.
    """
    intake.first_rowid = _count(con)
    table = intake.table
    if table.careful and table.survey and not _quickly(con, intake, table.survey, zone):
        intake.table = table.careful()
        intake.forms.clear()
    if intake.table.careful is None:
        if intake.table.numbered:
            ensure(con, ROW, "bigint")
        _insert(con, intake, zone)
    staged = _count(con) - intake.first_rowid
    intake.rows_read = staged + len(intake.table.refused)
    _refuse_unread(con, intake)
    _refuse_bytes(con, intake)


def _count(con: duckdb.DuckDBPyConnection) -> int:
    return one(con, "select count(*) from ik_staging")


def _quickly(con: duckdb.DuckDBPyConnection, intake: Intake, survey: Callable[[], text.Survey], zone: str) -> bool:
    """Read with DuckDB alone; keep it only if rows and line breaks inside cells add up to the lines."""
    table = intake.table
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(survey)
        run(con, "begin")
        try:
            _insert(con, intake, zone)
            proven = _adds_up(con, intake, looking.result().lines - table.skip)
        except duckdb.Error:
            # Ragged, badly quoted or not UTF-8: DuckDB's message would quote the row.
            proven = False
        run(con, "commit" if proven else "rollback")
    if proven:
        late = looking.result().signs
        table.masks |= late & frozenset(schema.MASK_MARKS)
        _trim_late(con, intake, late & frozenset(text.WHITE))
    return proven


def _trim_late(con: duckdb.DuckDBPyConnection, intake: Intake, white: frozenset[str]) -> None:
    """Clean the cells that end in white characters which the head of their file did not have."""
    if not white:
        return
    names = [n for n in intake.headers.canonical.values() if n not in TIMES and n not in CODES]
    for name in [*names, *intake.headers.extra.values()]:
        column = ident(name)
        where = f"rowid >= {intake.first_rowid} and ({cells.has_ends(column, white)})"
        run(con, f"update ik_staging set {column} = ik_trim({column}) where {where}")


def _adds_up(con: duckdb.DuckDBPyConnection, intake: Intake, lines: int) -> bool:
    """Whether the rows read, and the line breaks inside their cells, are all the lines there are."""
    found = _count(con) - intake.first_rowid
    if found == lines:
        return True
    names = [*intake.headers.canonical.values(), *intake.headers.extra.values()]
    texts = [name for name in names if name not in TIMES]
    # Breaks stand in free text, nearly always: the other cells are looked at last.
    free = [name for name in texts if name in FREE_TEXT]
    found += _breaks(con, intake, free)
    return found == lines or found + _breaks(con, intake, [n for n in texts if n not in free]) == lines


def _breaks(con: duckdb.DuckDBPyConnection, intake: Intake, names: Sequence[str]) -> int:
    def breaks(text: str) -> str:
        counted = f"strlen({text}) - strlen(replace({text}, chr(10), ''))"
        return f"coalesce(sum(case when contains({text}, chr(10)) then {counted} else 0 end), 0)"

    every = " + ".join(breaks(ident(name)) for name in names) or "0"
    return one(con, f"select {every} from ik_staging where rowid >= {intake.first_rowid}")


def _insert(con: duckdb.DuckDBPyConnection, intake: Intake, zone: str) -> None:
    table = intake.table
    for macro in cells.macros(table.white):
        run(con, macro)
    rest = _peek(con, table)
    try:
        reading.look_ahead(con, intake)
        if rest is not None:
            con.register("_ik_source", rest)
        names, values = reading.columns(intake, zone)
        run(con, f"insert into ik_staging ({', '.join(names)}) select {', '.join(values)} from {table.scan}")
    except duckdb.Error as error:
        if table.careful is not None:
            raise
        raise unreadable(table, error) from None
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


def unreadable(table: Table, error: duckdb.Error) -> SourceError:
    """Say that a source broke off, without DuckDB's words: they quote the cell."""
    kind = type(error).__name__.removesuffix("Exception")
    return SourceError(
        f"'{table.name}' cannot be read to its end ({kind}).",
        hint="it may be truncated or damaged: export it again.",
    )


def _refuse_unread(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    refused = [
        (intake.table.name, r.number, None, r.reason, r.content.encode("utf-8", "backslashreplace").decode())
        for r in intake.table.refused
    ]
    insert(con, "ik_rejects", refused)


def _refuse_bytes(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    """Refuse rows with bytes that are no text where one is needed, and take the mark before them away."""
    binary = [n for p, n in intake.headers.canonical.items() if intake.table.column_type(p) == "BLOB"]
    for name in (n for n in binary if n not in TIMES):
        # A code that is not settled has a mark already.
        marked = f"starts_with({name}, {cells.MARK}{f' || {cells.MARK}' if name in CODES else ''})"
        refuse(con, intake, marked, name, "holds bytes that are no text")
        run(
            con,
            f"update ik_staging set {name} = substr({name}, 2) where _ik_file = {intake.number} and {marked}",
        )


def refuse(con: duckdb.DuckDBPyConnection, intake: Intake, condition: str, column: str | None, reason: str) -> int:
    """Mark this source's rows that meet a condition as refused, with the column and the reason; count them."""
    where = f"_ik_file = {intake.number} and {kept(con)} and ({condition})"
    count = one(con, f"select count(*) from ik_staging where {where}")
    if count:
        ensure(con, "_ik_column")
        ensure(con, "_ik_reason")
        shown = "null" if column is None else lit(column)
        run(con, f"update ik_staging set _ik_column = {shown}, _ik_reason = {lit(reason)} where {where}")
    return count


def refuse_nobody(con: duckdb.DuckDBPyConnection, intake: Intake) -> None:
    """Refuse rows that name nobody: no record could be told apart by them."""
    nobody = " and ".join(f"{name} is null" for name in IDENTIFYING if name in present(con))
    refuse(con, intake, nobody, None, "has no name, account, email, mobile or ID: it names nobody")


def set_aside(con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake]) -> None:
    """Copy refused rows to the rejects, their filled cells as one JSON text."""
    if kept(con) == "true":
        return
    staged = staged_names(intakes)
    noted = ["unrecognised"] if "unrecognised" in present(con) else []
    texts = {n: f"s.{ident(n)}::varchar" for n in [*staged, *extra_names(intakes), *noted]}
    texts |= {n: f"coalesce(s.{raw_column(n)}, s.{n}::varchar)" for n in staged if n in TIMES}
    pairs = [f"{lit(n)}: {text}" for n, text in texts.items()]
    refused = rows(
        con,
        f"select {source_name(intakes)}, {source_row(con, intakes)}, _ik_column, _ik_reason, {{{', '.join(pairs)}}} "
        "from ik_staging s where _ik_reason is not null",
    )
    insert(con, "ik_rejects", [(*row[:4], _filled(row[4])) for row in refused])


def _filled(cells_by_name: dict[str, str | None]) -> str:
    return json.dumps({k: v for k, v in cells_by_name.items() if v is not None}, ensure_ascii=False)


def source_name(intakes: Sequence[Intake]) -> str:
    """The SQL for the name of a row's source."""
    return per_source([lit(intake.table.name) for intake in intakes])


def source_row(con: duckdb.DuckDBPyConnection, intakes: Sequence[Intake]) -> str:
    """The SQL for a row's number in its source, as a spreadsheet shows it.

    What has no number of its own stands in the order of its source: rows are inserted in order.
    """
    shift = per_source([str(intake.table.first_row - intake.first_rowid) for intake in intakes])
    counted = f"s.rowid + {shift}"
    return f"coalesce(s.{ROW}, {counted})" if ROW in present(con) else counted
