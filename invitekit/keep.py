"""Compute a lazy result once, where its records lie."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar, cast

import duckdb
import narwhals.stable.v2 as nw

Frame = TypeVar("Frame")

_NUMBERS = itertools.count(1)


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


def _as_table(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    number, con = next(_NUMBERS), relation._con  # noqa: SLF001 - a relation tells its connection nowhere else
    name, view = f"ik_kept_{number}", f"ik_seen_{number}"
    relation.query(view, f"create temp table {name} as from {view}")
    con.execute(f"drop view if exists {view}")
    return con.table(name)
