"""The records to export as a stream of small frames, from a DuckDB relation or a Polars frame."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import duckdb
import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa

from invitekit.engine.arrow import as_table
from invitekit.engine.duckdb import ident
from invitekit.engine.frames import as_frame
from invitekit.engine.materialize import collect, is_relation
from invitekit.engine.scratch_dirs import scratch_dir
from invitekit.errors import InvitekitError, SchemaError, raise_alone
from invitekit.export.read_written import limit
from invitekit.i18n import _
from invitekit.model.filters import Filter, where

BATCH_ROWS = 122_880
"""Rows of a small frame: one row group of DuckDB."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Source:
    """Records as a DuckDB relation or a Polars frame, with the connection if it was opened here.

    Its methods raise ``SchemaError`` if the records cannot be computed.
    """

    native: duckdb.DuckDBPyRelation | pl.DataFrame
    columns: tuple[str, ...]
    rows: int
    con: duckdb.DuckDBPyConnection | None = None
    spill: str = ""

    def close(self) -> None:
        """Close the connection if it was opened here, and remove its spill folder."""
        if self.con is not None:
            self.con.close()
            shutil.rmtree(self.spill, ignore_errors=True)

    def ask(self, query: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query on the records as a Narwhals frame."""
        return computed(lambda: collect(query(nw.from_native(self.native))).rows())

    def reader(self, names: Sequence[str]) -> Any:
        """Open a stream of Arrow batches of these columns of a relation."""
        relation: Any = self.native
        return computed(lambda: relation.project(", ".join(map(ident, names))).to_arrow_reader(BATCH_ROWS))

    def batches(self, names: Sequence[str]) -> Generator[pl.DataFrame]:
        """Yield these columns of all records in small frames; at least one, which may be empty."""
        if isinstance(self.native, pl.DataFrame):
            some = self.native.select(names)
            yield from (some.slice(at, BATCH_ROWS) for at in range(0, max(some.height, 1), BATCH_ROWS))
            return
        reader = self.reader(names)
        try:
            empty = True
            while (batch := following(reader)) is not None:
                empty = False
                yield frame(batch)
            if empty:
                yield frame(pa.Table.from_batches([], reader.schema))  # empty_table() would load pandas
        finally:
            reader.close()


def open_source(records: Any, choice: Filter | None) -> Source:
    """Open the records of any engine that match the filter.

    Raises:
        ArgumentError: ``records`` is not a frame.
        SchemaError: A column of the filter is missing, or the records cannot be computed.
    """
    return computed(lambda: _opened(as_frame(records), choice))


def frame(arrow: Any) -> pl.DataFrame:
    """Convert Arrow data to a Polars frame."""
    converted = pl.from_arrow(arrow)
    if not isinstance(converted, pl.DataFrame):
        raise TypeError
    return converted


def computed(ask: Callable[[], Answer]) -> Answer:
    """Run a query of an engine, and replace any error, which may quote a cell.

    Raises:
        SchemaError: The records cannot be computed; the error has no cause.
    """
    try:
        return ask()
    except InvitekitError:
        raise
    except Exception as error:  # noqa: BLE001 - of any engine; Python's own errors quote values too
        raise_alone(
            SchemaError(
                _("The records cannot be computed ({kind}).", kind=type(error).__name__),
                hint=_("compute them once yourself; the engine's own message may quote a record."),
            )
        )


def converted(values: pl.Series, kind: Any) -> pl.Series:
    """Cast a column, because engines have different types; times become UTC without an offset."""
    zone = getattr(values.dtype, "time_zone", None)
    plain = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else values
    if kind == pl.Datetime("us") and plain.dtype == pl.String:
        return plain.str.to_datetime(time_unit="us")
    return plain.cast(kind)


def following(reader: Any) -> Any:
    """Return the next batch of a stream, or None at its end."""
    return computed(lambda: next(reader, None))


def _opened(records: Any, choice: Filter | None) -> Source:
    chosen = where(records, choice) if choice else records
    if is_relation(chosen):
        return Source(chosen, tuple(chosen.columns), chosen.aggregate("count(*)").fetchall()[0][0])
    # A stream can be read only once, but an export with frequent words reads the records twice.
    rows = chosen if isinstance(chosen, pl.DataFrame) else frame(as_table(chosen))
    return Source(rows, tuple(rows.columns), rows.height)


def connection() -> tuple[duckdb.DuckDBPyConnection, str]:
    """Open a connection with a spill folder that only its owner can read: spilled records are in plain text."""
    con, folder = duckdb.connect(), scratch_dir()
    weakref.finalize(con, folder.cleanup)
    limit(con, folder.name)
    return con, folder.name
