"""Convert a frame of any engine to Arrow, and Arrow data to a Polars frame."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from invitekit.errors import ArgumentError
from invitekit.i18n import _

_CALENDAR = (-719_162, 2_932_896)
"""The first and last day of the calendar, counted from 1970-01-01; Polars panics beyond it."""
_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def as_arrow(frame: Any) -> pa.Table | pa.RecordBatchReader:
    """Return a frame's rows as Arrow: a DuckDB relation as a stream, any other as a table.

    Raises:
        ArgumentError: It is not a frame.
    """
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return frame.to_arrow_reader()
    if isinstance(frame, pa.RecordBatchReader):
        return frame
    try:
        known = nw.from_native(frame)
    except TypeError:
        raise ArgumentError(
            _("A source of type {kind} cannot be read.", kind=type(frame).__name__),
            hint=_("give paths, folders, globs, or a Polars, DuckDB, pandas, Arrow or PySpark frame."),
        ) from None
    if isinstance(known, nw.LazyFrame):
        known = known.collect("pyarrow")
    return _plain(known).to_arrow()


def as_table(frame: Any) -> pa.Table:
    """Return a frame's rows as an Arrow table in memory; see ``as_arrow``."""
    rows = as_arrow(frame)
    return rows if isinstance(rows, pa.Table) else rows.read_all()


def leaf_names(schema: pa.Schema) -> tuple[str, ...]:
    """Return the names of a schema's columns, with one for each field of an object: ``customer.email``."""

    def leaves(name: str, kind: pa.DataType) -> list[str]:
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        fields = kind.fields if pa.types.is_struct(kind) else []
        return [leaf for f in fields for leaf in leaves(f"{name}.{f.name}", f.type)] if fields else [name]

    return tuple(leaf for field in schema for leaf in leaves(field.name, field.type))


def to_polars(batch: pa.RecordBatch) -> pl.DataFrame:
    """Convert a batch to a Polars frame, with columns named by position; types that Polars lacks become text.

    Raises:
        pyarrow.ArrowException, PolarsError, PanicException: The data are damaged, or nested in a way that Polars lacks.
    """
    batch.validate(full=True)
    return pl.DataFrame({f"c{i}": _as_series(column) for i, column in enumerate(batch.columns)})


def _as_series(column: pa.Array) -> Any:
    if isinstance(column, pa.DictionaryArray):
        return _as_series(column.dictionary).gather(pl.from_arrow(column.indices))
    return pl.from_arrow(_simple(column))


def _simple(column: pa.Array) -> pa.Array:
    """Convert a column to a type that Polars has; times to UTC, times beyond the calendar to text."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_decimal256(kind):
        return column.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind.tz:
        # The times are the same in UTC, and some names of zones are unknown to Polars.
        column = column.cast(pa.timestamp(kind.unit, "UTC"))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        numbers = column.view(pa.int32() if pa.types.is_date32(kind) else pa.int64())
        a_day = _A_DAY[kind.unit] if pa.types.is_timestamp(kind) else 1 if pa.types.is_date32(kind) else _A_DAY["ms"]
        counted: Any = pl.from_arrow(numbers)
        least, most = counted.min(), counted.max()
        first, last = _CALENDAR
        if least is not None and not first * a_day <= least <= most < (last + 1) * a_day:
            return numbers.cast(pa.string())
    return column


def _plain(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """Cast columns of Python values to text, unless all are dicts: those of pandas may mix texts and numbers."""
    of_values = [name for name, kind in frame.schema.items() if kind in (nw.Object, nw.Unknown)]
    mixed = [name for name in of_values if not _holds_dicts(frame[name])]
    return frame.with_columns(nw.col(name).cast(nw.String) for name in mixed) if mixed else frame


def _holds_dicts(cells: nw.Series[Any]) -> bool:
    first = cells.drop_nulls().head(1).to_list()
    if not (first and isinstance(first[0], dict)):
        return False
    try:
        return bool(pa.types.is_struct(pa.array(cells.to_list(), from_pandas=True).type))
    except pa.ArrowException:
        return False
