"""Rows in an order that says nothing: two exports of the same records do not join row by row."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa

from invitekit.engine.duckdb import ident, lit
from invitekit.export.source import BATCH_ROWS, Source, computed, connection, following, frame

IN_MEMORY = 768 * 2**20
"""Bytes of records that are put in order in memory; sorting more takes about twice the time, and a disk."""
_PLACE = "_ik_place"
_SEED_BITS = 64


def shuffled(source: Source, names: Sequence[str]) -> Generator[pl.DataFrame]:
    """Give some columns of all records in a new random order, another one each time, in small frames.

    What does not fit into memory is sorted by a private DuckDB: within its own memory, and what is more in
    its own folder, wherever the records come from.

    Raises:
        SchemaError: The records cannot be computed.
    """
    with contextlib.closing(source.reader(names)) as reader:
        held, size = deque[Any](), 0
        while size <= IN_MEMORY:
            if (batch := following(reader)) is None:
                yield from _dealt(_one(held, reader.schema))
                return
            held.append(batch)
            size += batch.nbytes
        with contextlib.closing(_sorted(source, names, held, reader)) as mixed:
            yield from mixed.batches(names)


def _one(held: deque[Any], schema: pa.Schema) -> pl.DataFrame:
    """Put the batches together, each let go of at once: two copies of all would be there for a while."""
    frames = [frame(schema.empty_table())]
    while held:
        frames.append(frame(held.popleft()))
    return pl.concat(frames, rechunk=True)


def _dealt(records: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Give the rows, drawn one after the other; at least one frame, an empty one."""
    seed = secrets.randbits(_SEED_BITS)
    order = pl.select(pl.int_range(records.height, dtype=pl.UInt32).shuffle(seed)).to_series()
    for at in range(0, max(records.height, 1), BATCH_ROWS):
        some = records[order.slice(at, BATCH_ROWS)]
        # By Arrow's older layout texts come to lie one after the other: each later look is twice as fast.
        yield frame(some.to_arrow(compat_level=pl.CompatLevel.oldest()))


def _sorted(source: Source, names: Sequence[str], held: deque[Any], reader: Any) -> Source:
    """Sort what was read and what is still to be read by a number that nobody knows."""

    def batches() -> Iterator[Any]:
        while held:
            yield held.popleft()
        yield from reader

    con, folder = connection()
    columns = ", ".join(map(ident, names))
    # A seed that somebody set for random() would give the same order twice; this salt is thrown away.
    place = f"hash(random(), {lit(secrets.token_hex(16))}) as {_PLACE}"
    read = computed(lambda: con.from_arrow(pa.RecordBatchReader.from_batches(reader.schema, batches())))
    mixed = computed(lambda: read.project(f"{columns}, {place}").order(_PLACE).project(columns))
    return replace(source, relation=mixed, columns=tuple(names), con=con, spill=folder)
