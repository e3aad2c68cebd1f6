"""Compute a lazy result once, where its records lie."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import duckdb
import narwhals.stable.v2 as nw

Frame = TypeVar("Frame")

_NUMBERS = itertools.count(1)
_Tables = dict[str, duckdb.DuckDBPyConnection]
_MEANWHILE: ContextVar[_Tables | None] = ContextVar("_MEANWHILE", default=None)
"""The tables that were kept since the innermost ``meanwhile`` began."""


def keep(records: Frame) -> Frame:
    """Compute a lazy frame once and give it back as rows that lie ready; any other frame stays as it is.

    A lazy frame is computed anew at each look, and one that is joined to itself is planned anew for
    each side: after a few steps that takes longer than the rows. In DuckDB the rows lie in a temporary
    table of the relation's own connection: it goes with that, spills to its folder, and a file that is open
    for reading only allows it.

    Args:
        records: A frame of any engine, such as ``annotate`` or ``plan_resends`` give.
    """
    if isinstance(records, duckdb.DuckDBPyRelation):
        return cast("Frame", _as_table(records))
    frame: Any = nw.from_native(cast("Any", records), pass_through=True)
    if not isinstance(frame, nw.LazyFrame):
        return records
    if frame.implementation.is_spark_like():
        return cast("Frame", frame.to_native().localCheckpoint())
    return cast("Frame", frame.collect().lazy().to_native()) if frame.implementation.is_polars() else records


def kept(frame: Any) -> Any:
    """Do the same for a Narwhals frame."""
    return nw.from_native(keep(frame.to_native()))


@contextlib.contextmanager
def meanwhile() -> Iterator[Callable[[Frame], Frame]]:
    """Give up every table that is kept inside when the block ends, however deep; else they lie as long as the records.

    What is looked at only afterwards is passed through the function that the block gets: that stays.

    Example:
        >>> with duckdb.connect() as con, meanwhile() as stay:
        ...     passing, staying = (keep(con.sql(f"select {n} as n")) for n in (1, 2))
        ...     _ = stay(staying)
        ...     len(con.sql("from duckdb_tables()"))
        2
    """
    tables: _Tables = {}
    around = _MEANWHILE.get()
    token = _MEANWHILE.set(tables)

    def stay(kept: Frame) -> Frame:
        if isinstance(kept, duckdb.DuckDBPyRelation):
            con = tables.pop(kept.alias, None)
            if con is not None and around is not None:
                around[kept.alias] = con
        return kept

    try:
        yield stay
    finally:
        _MEANWHILE.reset(token)
        for name, con in tables.items():
            # A connection that was closed, or whose transaction broke off, took its tables with it.
            with contextlib.suppress(duckdb.Error):
                con.execute(f"drop table if exists {name}").fetchall()


def _as_table(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    number, con = next(_NUMBERS), relation._con  # noqa: SLF001 - a relation tells its connection nowhere else
    name, view = f"ik_kept_{number}", f"ik_seen_{number}"
    relation.query(view, f"create temp table {name} as from {view}")
    con.execute(f"drop view if exists {view}")
    tables = _MEANWHILE.get()
    if tables is not None:
        tables[name] = con
    return con.table(name)
