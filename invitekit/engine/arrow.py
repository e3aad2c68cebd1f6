"""Take a frame of any engine as Arrow data."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pyarrow as pa

from invitekit.errors import ArgumentError


def as_arrow(frame: Any) -> pa.Table | pa.RecordBatchReader:
    """Give a frame's rows as Arrow: a DuckDB relation as a stream, any other as a table.

    Raises:
        ArgumentError: It is no frame.
    """
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return frame.to_arrow_reader()
    if isinstance(frame, pa.RecordBatchReader):
        return frame
    try:
        known = nw.from_native(frame)
    except TypeError:
        raise ArgumentError(
            f"A source of type {type(frame).__name__} cannot be read.",
            hint="give paths, folders, globs, or a Polars, DuckDB, pandas, Arrow or PySpark frame.",
        ) from None
    if isinstance(known, nw.LazyFrame):
        known = known.collect("pyarrow")
    return _plain(known).to_arrow()


def as_table(frame: Any) -> pa.Table:
    """Return a frame's rows as an Arrow table in memory.

    Raises:
        ArgumentError: It is no frame.
    """
    rows = as_arrow(frame)
    return rows if isinstance(rows, pa.Table) else rows.read_all()


def _plain(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """Make text of columns that hold anything: pandas' object columns may mix texts and numbers."""
    mixed = [name for name, kind in frame.schema.items() if kind in (nw.Object, nw.Unknown)]
    return frame.with_columns(nw.col(name).cast(nw.String) for name in mixed) if mixed else frame
