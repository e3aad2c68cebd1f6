"""Quote names and texts in SQL, run queries to their end, and find the connection of a relation."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def connection_of(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyConnection | None:
    """Return the connection of a relation without using it, because a notebook cell may be using it now.

    No method returns it. The relation references its connection, and Python's garbage collector lists references.

    Returns:
        The connection, or None for a release of DuckDB that hides it. Then the caller has to copy the rows.
    """
    import duckdb  # noqa: PLC0415 - not needed to quote a name

    return next((one for one in gc.get_referents(relation) if isinstance(one, duckdb.DuckDBPyConnection)), None)


def apart(records: Any) -> tuple[Any, duckdb.DuckDBPyConnection | None]:
    """Return a relation on a separate connection, and that connection, so that a notebook cell may use the first one.

    A relation on a temporary table is returned unchanged, like a frame of another engine.
    """
    import duckdb  # noqa: PLC0415 - not needed to quote a name

    owner = connection_of(records) if isinstance(records, duckdb.DuckDBPyRelation) else None
    if owner is not None:
        own = owner.cursor()
        with contextlib.suppress(duckdb.Error):
            return own.sql(records.sql_query()), own
    return records, owner


@contextlib.contextmanager
def registered(con: duckdb.DuckDBPyConnection, name: str, rows: Any) -> Iterator[None]:
    """Register Arrow rows for SQL under a name."""
    con.register(name, rows)
    try:
        yield
    finally:
        con.unregister(name)


def lit(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def ident(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""').replace("\0", "") + '"'


def lit_path(path: Path) -> str:
    """Return a path as a literal for DuckDB's readers, with wildcards escaped."""
    return lit("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))


def parquet(*paths: Path) -> str:
    """Return SQL that reads Parquet files; folders that are named ``status=x`` add and replace no columns."""
    return f"read_parquet([{', '.join(map(lit_path, paths))}], hive_partitioning = false)"


def run(con: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] | None = None) -> int:
    """Run a statement to its end, and return the number of changed rows."""
    result = con.execute(query, values).fetchall()
    return int(result[0][0]) if result and isinstance(result[0][0], int) else 0


def rows(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return con.execute(query).fetchall()


def one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the number that a query returns; null is 0."""
    return int(con.execute(query).fetchall()[0][0] or 0)
