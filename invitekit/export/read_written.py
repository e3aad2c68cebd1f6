"""Read a written file back as typed columns of DuckDB, which did not write it."""

from __future__ import annotations

import contextlib
import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import fastexcel
import polars as pl
import pyarrow as pa

from invitekit.engine.duckdb import ident, lit, lit_path, parquet
from invitekit.errors import LeakError, own_error, raise_alone
from invitekit.io.spreadsheet_escape import escape_headers, unescape
from invitekit.privacy import FirstOf, Flag, Form, Range, Rule

MEMORY_LIMIT = "1200MB"
UNREADABLE = (
    duckdb.Error,
    fastexcel.FastExcelError,
    csv.Error,
    UnicodeError,
    pa.ArrowException,
    pl.exceptions.PolarsError,
)


@dataclass(frozen=True)
class Written:
    """A file to check.

    Attributes:
        con: A private connection with its own spill folder.
        texts: The file as it is: typed in Parquet, all text in CSV.
        typed: The file in the types of the policy; a text that is not valid in its type is null.
    """

    con: duckdb.DuckDBPyConnection
    texts: duckdb.DuckDBPyRelation
    typed: duckdb.DuckDBPyRelation


@contextlib.contextmanager
def read_back(path: Path, rows: Sequence[Rule], folder: Path, *, safe: bool) -> Iterator[Written]:
    """Open a written file with DuckDB, with a spill folder that is removed afterwards.

    Raises:
        LeakError: The file cannot be read, or has other columns or types than expected.
    """
    with tempfile.TemporaryDirectory(prefix="proof-", dir=folder) as spill, duckdb.connect() as con:
        limit(con, spill, "TimeZone = 'UTC'", f"allowed_paths = [{lit(str(path))}, {lit_path(path)}]")
        try:
            texts = READERS[path.suffix.lower()](con, path, rows, safe=safe)
            is_escaped = safe and path.suffix.lower() == ".csv"
            described = zip(texts.columns, texts.types, rows, strict=True)
            columns = [_typed(name, kind, row, is_escaped=is_escaped) for name, kind, row in described]
            yield Written(con, texts, texts.project(", ".join(columns)))
        except UNREADABLE as error:
            raise_alone(own_error(error) or LeakError("file", "readable", 1))


def limit(con: duckdb.DuckDBPyConnection, spill: str, *settings: str) -> None:
    """Limit the memory of a connection and the files that it may use, and lock its settings."""
    memory = ("enable_progress_bar = false", f"memory_limit = '{MEMORY_LIMIT}'", f"temp_directory = {lit(spill)}")
    for setting in (*memory, *settings, "enable_external_access = false", "lock_configuration = true"):
        con.execute(f"set {setting}").fetchall()


def sql_type(form: Form | None) -> str:
    """Return the DuckDB type of a form."""
    if isinstance(form, Range):
        return "BIGINT" if form.whole else "DOUBLE"
    return "DATE" if isinstance(form, FirstOf) else "BOOLEAN" if isinstance(form, Flag) else "VARCHAR"


def _typed(name: str, kind: object, row: Rule, *, is_escaped: bool) -> str:
    wanted, cell = sql_type(row.form), ident(name)
    if wanted == "VARCHAR":
        cell = unescape(cell) if is_escaped else cell
    elif str(kind) == "VARCHAR" and wanted == "DATE":
        # Excel stores a date as a time at midnight.
        at = f"try_cast({cell} as timestamp)"
        cell = f"case when {at} = date_trunc('day', {at}) then {at}::date end"
    elif str(kind) == "VARCHAR" and wanted == "BIGINT":
        # A cast would round, so decimals would not be checked.
        cell = f"case when regexp_matches({cell}, '^-?[0-9]+$') then try_cast({cell} as bigint) end"
    elif str(kind) != wanted:
        cell = f"try_cast({cell} as {wanted})"
    return f"{cell} as {ident(row.into)}"


def _parquet(
    con: duckdb.DuckDBPyConnection, path: Path, rows: Sequence[Rule], *, safe: bool
) -> duckdb.DuckDBPyRelation:
    del safe
    table = con.sql(f"select * from {parquet(path)}")
    check_columns([*table.columns], [row.into for row in rows])
    for row, kind in zip(rows, table.types, strict=True):
        if str(kind) != sql_type(row.form):
            raise LeakError(row.into, "types", 1)
    foreign = con.execute(f"select count(*) from parquet_kv_metadata({lit_path(path)})").fetchall()[0][0]
    if foreign:
        raise LeakError("file", "metadata", foreign)
    return table


def _csv(con: duckdb.DuckDBPyConnection, path: Path, rows: Sequence[Rule], *, safe: bool) -> duckdb.DuckDBPyRelation:
    names = [row.into for row in rows]
    with path.open(encoding="utf-8-sig", newline="") as file:
        check_columns(next(csv.reader(file), []), escape_headers(names) if safe else names)
    # Without detection, any other format is an error.
    columns = ", ".join(f"{lit(name)}: 'VARCHAR'" for name in names)
    form = (
        "auto_detect = false, hive_partitioning = false, strict_mode = true, header = true, delim = ',', quote = '\"', "
        "escape = '\"', nullstr = ''"
    )
    return con.sql(f"select * from read_csv({lit_path(path)}, {form}, columns = {{{columns}}})")


def _xlsx(con: duckdb.DuckDBPyConnection, path: Path, rows: Sequence[Rule], *, safe: bool) -> duckdb.DuckDBPyRelation:
    del safe
    sheet = fastexcel.read_excel(path).load_sheet(0, dtypes="string")
    table = sheet.to_arrow()
    check_columns(table.schema.names, escape_headers([row.into for row in rows]))
    return con.from_arrow(table)


def check_columns(actual: Sequence[str], expected: Sequence[str]) -> None:
    """Check that the columns of a file are the released ones, in their order.

    Raises:
        LeakError: The columns differ; the error has the number of differences only.
    """
    if list(actual) != list(expected):
        raise LeakError("file", "columns", len(set(actual) ^ set(expected)) or 1)


READERS: dict[str, Callable[..., duckdb.DuckDBPyRelation]] = {".parquet": _parquet, ".csv": _csv, ".xlsx": _xlsx}
