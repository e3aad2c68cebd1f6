"""Materialize a lazy frame: on its own engine, or into memory."""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, cast

import narwhals.stable.v2 as nw

if TYPE_CHECKING:
    import duckdb

Frame = TypeVar("Frame")

SHARE = 1_000_000
"""Rows that DuckDB computes at a time if their groups can be computed separately."""
_NUMBERS = itertools.count(1)
_Tables = dict[str, "duckdb.DuckDBPyRelation"]
_TEMP_TABLES: ContextVar[_Tables | None] = ContextVar("_TEMP_TABLES", default=None)
"""The tables created inside the innermost ``temp_tables`` block: by name, a relation of the same connection."""


def materialize(records: Frame) -> Frame:
    """Compute a lazy frame once and return its rows as a frame of the same engine; an eager frame stays unchanged.

    Otherwise a lazy frame is computed again for each query, and for each side of a join with itself. In DuckDB the rows
    go to a temporary table of the relation's own connection: it ends with the connection, may spill to disk, and is
    allowed in a read-only database.

    Args:
        records: A native frame of any engine, or a Narwhals frame.
    """
    if isinstance(records, nw.DataFrame | nw.LazyFrame):
        return cast("Frame", nw.from_native(materialize(records.to_native())))
    if is_relation(records):
        return cast("Frame", _as_table(records))
    frame: Any = nw.from_native(cast("Any", records), pass_through=True)
    if not isinstance(frame, nw.LazyFrame):
        return records
    if frame.implementation.is_spark_like():
        return cast("Frame", frame.to_native().localCheckpoint())
    return cast("Frame", frame.collect().lazy().to_native()) if frame.implementation.is_polars() else records


def with_row_numbers(frame: Any, name: str) -> Any:
    """Materialize a Narwhals frame and number its rows, so that columns can be computed separately and joined by row.

    The numbers are distinct and not negative; only in eager frames do they follow the order of the rows.
    """
    if isinstance(frame, nw.DataFrame):
        return frame.with_row_index(name)
    if frame.implementation.is_spark_like():
        numbered = frame.to_native().selectExpr("*", f"monotonically_increasing_id() as {name}")
        return materialize(nw.from_native(numbered))
    if frame.implementation.is_duckdb():
        table = _as_table(frame.to_native())
        return nw.from_native(table.query("ik_base", f"select *, rowid as {name} from {table.alias}"))
    return frame.collect().with_row_index(name).lazy()


def join_by_row(frame: Any, computed: Any, name: str, *, complete: bool) -> Any:
    """Join columns that were computed separately to a frame of ``with_row_numbers``, by row number.

    Args:
        frame: All rows; in an eager frame their numbers are in order.
        computed: Columns of all rows, or of some; rows without them are left out of the result.
        name: The column of the numbers.
        complete: Whether ``computed`` has every row: then DuckDB does not need to keep the frame in memory.
    """
    if complete and isinstance(frame, nw.DataFrame) and frame.implementation.is_polars():
        # A sort costs a third of a join.
        return nw.concat([frame, computed.sort(name).drop(name)], how="horizontal")
    return frame.join(computed, on=name, how="left" if complete else "inner")


def in_shares(frame: Any, group: str, compute: Callable[[Any], Any]) -> Any:
    """Compute a large frame in several shares of its groups, so that each fits into memory.

    This is only for many rows in DuckDB, which keeps most of the input of windows and joins in memory.

    Args:
        frame: A materialized Narwhals frame.
        group: A column of whole numbers; a computed row depends on the rows of its own group only.
        compute: Takes and returns a Narwhals frame.
    """
    shares = -(-count_rows(frame) // SHARE) if frame.implementation.is_duckdb() else 1
    if shares < 2:
        return compute(frame)
    computed = []
    for share in range(shares):
        with temp_tables() as persist:
            rows = materialize(frame.filter(nw.col(group) % shares == share))
            computed.append(nw.from_native(persist(materialize(compute(rows)).to_native())))
    return nw.concat(computed)


def with_positions(frame: Any, name: str, group: str, order: list[str]) -> Any:
    """Number the rows of each group of a Narwhals frame from 1, in descending order; the order of rows may change.

    Eager frames are sorted once: a window with an order sorts each group separately, which takes twice as long.
    """
    if isinstance(frame, nw.DataFrame):
        frame = frame.sort(group, *order).with_row_index(name)
        return frame.with_columns(nw.col(name).max().over(group) - nw.col(name) + 1)
    number = nw.col(name).cum_sum(reverse=True).over(group, order_by=order)
    return frame.with_columns(nw.lit(1).alias(name)).with_columns(number)


def with_running_sum(frame: Any, name: str, group: str, order: str) -> Any:
    """Replace whole numbers of a Narwhals frame by their running sum in each group; the order of rows may change.

    Eager frames are sorted once, as in ``with_positions``.
    """
    if isinstance(frame, nw.DataFrame):
        total = nw.col(name).cum_sum()
        frame = frame.sort(group, order).with_columns(total, _ik_before=total - nw.col(name))
        return frame.with_columns(nw.col(name) - nw.col("_ik_before").min().over(group)).drop("_ik_before")
    # In DuckDB, the sum of integers has a wider type.
    return frame.with_columns(nw.col(name).cum_sum().over(group, order_by=order).cast(nw.Int64))


def with_next(frame: Any, group: list[str], order: str, columns: dict[str, str]) -> Any:
    """Add values of the next row of the group to each row of a Narwhals frame, null in the last row of a group.

    Eager frames are sorted once, as in ``with_positions``; the order of rows may change.

    Args:
        frame: The rows.
        group: The columns that make a group, without nulls.
        order: The column that the rows of a group are ordered by.
        columns: The columns to take values from, by the name of the new column.
    """
    following = {name: nw.col(column).shift(-1) for name, column in columns.items()}
    if not isinstance(frame, nw.DataFrame):
        return frame.with_columns(**{name: value.over(*group, order_by=order) for name, value in following.items()})
    in_group = nw.all_horizontal(*(nw.col(name) == nw.col(name).shift(-1) for name in group), ignore_nulls=False)
    frame = frame.sort(*group, order)
    return frame.with_columns(**{name: nw.when(in_group).then(value) for name, value in following.items()})


def collect(frame: Any) -> Any:
    """Return the rows of a small Narwhals frame in memory; NaN of pandas is null in the result.

    Pyarrow is loaded only if the engine needs it.
    """
    if frame.implementation.is_polars():
        return frame if isinstance(frame, nw.DataFrame) else frame.collect()
    return frame.lazy().collect("pyarrow")


def count_rows(frame: Any) -> int:
    """Return the number of rows of a Narwhals frame."""
    return int(collect(frame.select(_ik_n=nw.len()))["_ik_n"].to_list()[0])


def is_relation(records: Any) -> TypeGuard[duckdb.DuckDBPyRelation]:
    """Return whether a frame is a DuckDB relation, without loading DuckDB for others."""
    loaded = sys.modules.get("duckdb")
    return loaded is not None and isinstance(records, loaded.DuckDBPyRelation)


@contextlib.contextmanager
def temp_tables() -> Iterator[Callable[[Frame], Frame]]:
    """Drop every table materialized inside the block at its end; without a block, a table ends with its connection.

    The block gets a function ``persist``, which keeps a frame beyond the block.

    Example:
        >>> import duckdb
        >>> with duckdb.connect() as con, temp_tables() as persist:
        ...     first, second = (materialize(con.sql(f"select {n} as n")) for n in (1, 2))
        ...     _ = persist(second)
        ...     len(con.sql("from duckdb_tables()"))
        2
    """
    tables: _Tables = {}
    outer = _TEMP_TABLES.get()
    token = _TEMP_TABLES.set(tables)

    def persist(records: Frame) -> Frame:
        if is_relation(records):
            base = tables.pop(records.alias, None)
            if base is not None and outer is not None:
                outer[records.alias] = base
        return records

    try:
        yield persist
    finally:
        _TEMP_TABLES.reset(token)
        for name, base in tables.items():
            # A closed connection, or a failed transaction, has removed its tables.
            with contextlib.suppress(sys.modules["duckdb"].Error):
                base.query("ik_base", f"drop table if exists {name}")


def _as_table(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Store a relation as a temporary table; all statements run through relations, which have their connection."""
    name = f"ik_table_{next(_NUMBERS)}"
    # "create" returns a small relation of the same connection, without the query of the rows.
    base = cast("duckdb.DuckDBPyRelation", relation.query("ik_base", f"create temp table {name} as from ik_base"))
    tables = _TEMP_TABLES.get()
    if tables is not None:
        tables[name] = base
    return cast("duckdb.DuckDBPyRelation", base.query("ik_base", f"from {name}")).set_alias(name)
