"""Find the connection of a DuckDB relation: a relation runs on its connection, but no method returns it."""

from __future__ import annotations

import gc

import duckdb


def connection_of(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyConnection | None:
    """Return the connection that a relation runs on, without asking it anything: a cell may be using it just now.

    The relation holds its connection, and Python's garbage collector lists what an object holds.

    Returns:
        The connection, or None for a release of DuckDB that keeps it out of Python's sight. A caller has to copy the
        rows then.
    """
    return next((held for held in gc.get_referents(relation) if isinstance(held, duckdb.DuckDBPyConnection)), None)
