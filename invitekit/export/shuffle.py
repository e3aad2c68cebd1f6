"""Rows in an order that says nothing: two exports of the same records do not join row by row."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa

from invitekit.engine.duckdb import ident, lit
from invitekit.export.source import BATCH_ROWS, Source, computed, connection, following, frame

IN_MEMORY = 768 * 2**20
"""Bytes of records that are released at once, and of a relation in memory; sorting takes twice the time, and a disk."""
_PLACE = "_ik_place"
_SEED_BITS = 64


def shuffled(
    source: Source, names: Sequence[str], release: Callable[[pl.DataFrame], pl.DataFrame]
) -> Generator[pl.DataFrame]:
    """Yield what is released of all records in a new random order, another one each time, in small frames.

    What takes little memory is released at once: a value that many records share is then looked at once. More of a
    relation is sorted by a private DuckDB, within its own memory and its own folder.

    Args:
        source: The records.
        names: Their columns that ``release`` needs.
        release: Returns what is released of some rows, in their order.

    Raises:
        SchemaError: The records cannot be computed.
    """
    if isinstance(source.native, pl.DataFrame):
        records = source.native.select(names)
        fits = records.estimated_size() <= IN_MEMORY
        yield from _dealt(release(records)) if fits else map(release, _dealt(records))
        return
    with contextlib.closing(source.reader(names)) as reader:
        read, size = deque[Any](), 0
        while size <= IN_MEMORY:
            if (batch := following(reader)) is None:
                yield from _dealt(release(_one(read, reader.schema)))
                return
            read.append(batch)
            size += batch.nbytes
        with contextlib.closing(_sorted(source, names, read, reader)) as mixed:
            yield from map(release, mixed.batches(names))


def _one(read: deque[Any], schema: pa.Schema) -> pl.DataFrame:
    """Put the batches together, each let go of at once: two copies of all would be there for a while."""
    frames = [frame(pa.Table.from_batches([], schema))]
    while read:
        frames.append(frame(read.popleft()))
    return pl.concat(frames)


def _dealt(released: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows, drawn one after the other; at least one frame, an empty one."""
    released = released.rechunk()  # rows are gathered from many chunks at eight times the cost
    order = pl.int_range(released.height, dtype=pl.UInt32, eager=True).shuffle(secrets.randbits(_SEED_BITS))
    for at in range(0, max(released.height, 1), BATCH_ROWS):
        yield released[order.slice(at, BATCH_ROWS)]


def _sorted(source: Source, names: Sequence[str], read: deque[Any], reader: Any) -> Source:
    """Sort what was read and what is still to be read by a number that nobody knows."""

    def batches() -> Iterator[Any]:
        while read:
            yield read.popleft()
        yield from reader

    con, folder = connection()
    columns = ", ".join(map(ident, names))
    # A seed set for random() elsewhere would give the same order twice; this salt is thrown away.
    place = f"hash(random(), {lit(secrets.token_hex(16))}) as {_PLACE}"
    rows = computed(lambda: con.from_arrow(pa.RecordBatchReader.from_batches(reader.schema, batches())))
    mixed = computed(lambda: rows.project(f"{columns}, {place}").order(_PLACE).project(columns))
    return replace(source, native=mixed, columns=tuple(names), con=con, spill=folder)
