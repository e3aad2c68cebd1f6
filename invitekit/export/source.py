"""The records to export, of any engine, as a stream of small frames."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from invitekit.errors import ArgumentError, SchemaError
from invitekit.filters import Filter, where
from invitekit.load.frames import as_arrow
from invitekit.load.sql import ident

BATCH_ROWS = 122_880
"""Rows in one small frame: one row group of DuckDB."""


@dataclass(frozen=True)
class Source:
    """Records as a DuckDB relation, and the connection that has to stay open for them, if it is ours."""

    relation: duckdb.DuckDBPyRelation
    columns: tuple[str, ...]
    rows: int

    def ask(self, query: duckdb.DuckDBPyRelation) -> list[tuple[Any, ...]]:
        """Give all rows of a query about the records.

        Raises:
            SchemaError: They cannot be computed.
        """
        with _unquoted():
            return query.fetchall()

    def batches(self, names: Sequence[str]) -> Generator[pl.DataFrame]:
        """Give these columns of all records, so many rows at a time; at least one frame, an empty one.

        Raises:
            SchemaError: The records cannot be computed.
        """
        with _unquoted():
            reader = self.relation.project(", ".join(map(ident, names))).to_arrow_reader(BATCH_ROWS)
        try:
            empty = True
            while (batch := _next(reader)) is not None:
                empty = False
                yield frame(batch)
            if empty:
                yield frame(reader.schema.empty_table())
        finally:
            reader.close()


def open_source(records: Any, choice: Filter | None) -> Source:
    """Take records of any engine, the chosen ones only.

    Raises:
        ArgumentError: It is no frame.
        SchemaError: The filter looks at a column that is not there, or the records cannot be computed.
    """
    if type(records).__name__ == "Loaded":
        raise ArgumentError("A Loaded is no frame.", hint="pass its records, annotated: annotate(loaded.records).")
    with _unquoted():
        chosen = where(records, choice) if choice else records
        relation = chosen if isinstance(chosen, duckdb.DuckDBPyRelation) else _as_relation(chosen)
        rows = relation.aggregate("count(*)").fetchall()[0][0]
        return Source(relation, tuple(relation.columns), rows)


def frame(arrow: Any) -> pl.DataFrame:
    """Take Arrow data as a Polars frame."""
    made = pl.from_arrow(arrow)
    if not isinstance(made, pl.DataFrame):
        raise TypeError
    return made


def _as_relation(records: Any) -> duckdb.DuckDBPyRelation:
    arrow = as_arrow(records)
    con = duckdb.connect()
    con.execute("set enable_progress_bar = false").fetchall()
    # A stream can be read once; the words that may leave are looked for before.
    return con.from_arrow(arrow.read_all() if hasattr(arrow, "read_all") else arrow)


def _next(reader: Any) -> Any:
    with _unquoted():
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None


@contextlib.contextmanager
def _unquoted() -> Iterator[None]:
    """Let no error of an engine out: most of them quote a cell."""
    try:
        yield
    except (duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, OSError) as error:
        raise SchemaError(
            f"The records cannot be computed ({type(error).__name__}).",
            hint="compute them once yourself; the engine's own message may quote a record.",
        ) from None
