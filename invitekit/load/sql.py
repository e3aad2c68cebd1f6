"""Ask DuckDB: quoting, and queries whose result is drained before the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb


def lit(text: str) -> str:
    """Quote a text as an SQL literal."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def ident(name: str) -> str:
    """Quote a name as an SQL identifier."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


def lit_path(path: Path) -> str:
    """Quote a path for DuckDB's readers, which would take a bracket or a star in it for a pattern."""
    return lit("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))


def per_source(values: Sequence[str]) -> str:
    """The SQL for a value that depends on the source a staged row came from: a look-up, as a join loses order."""
    return values[0] if len(values) == 1 else f"([{', '.join(values)}])[s._ik_file + 1]"


def run(con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] | None = None) -> int:
    """Run a statement to its end; give the count of rows it changed, if it changes any."""
    found = con.execute(query, values).fetchall()
    return int(found[0][0]) if found and isinstance(found[0][0], int) else 0


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """Give all rows of a query."""
    return con.execute(query).fetchall()


def one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Give the one number that a query asks for; null is 0."""
    found = con.execute(query).fetchall()
    return int(found[0][0] or 0)


def insert(con: duckdb.DuckDBPyConnection, table: str, values: Sequence[Sequence[Any]]) -> None:
    """Insert rows, none included."""
    if values:
        # One statement for all: as many statements as rows take a millisecond each.
        marks = ", ".join(["unnest(?)"] * len(values[0]))
        run(con, f"insert into {table} select {marks}", [list(column) for column in zip(*values, strict=True)])
