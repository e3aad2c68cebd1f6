"""Shuffle rows, so that two exports of the same records cannot be joined by row."""

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
"""The most bytes of records that are released at once in memory; sorting more on disk takes twice as long."""
_POSITION = "_ik_position"


def shuffled(
    source: Source, names: Sequence[str], release: Callable[[pl.DataFrame], pl.DataFrame]
) -> Generator[pl.DataFrame]:
    """Yield the released values of all records in small frames, in a new random order each time.

    Records that fit into memory are released at once, so that repeated values are computed once. A larger relation is
    sorted by a private DuckDB with a memory limit and a spill folder. ``release`` needs the columns ``names``, and
    returns its rows in the same order.
    """
    if isinstance(source.native, pl.DataFrame):
        records = source.native.select(names)
        fits = records.estimated_size() <= IN_MEMORY
        yield from _in_random_order(release(records)) if fits else map(release, _in_random_order(records))
        return
    with contextlib.closing(source.reader(names)) as reader:
        batches, size = deque[Any](), 0
        while size <= IN_MEMORY:
            if (batch := following(reader)) is None:
                yield from _in_random_order(release(_concatenate(batches, reader.schema)))
                return
            batches.append(batch)
            size += batch.nbytes
        with contextlib.closing(_sorted(source, names, batches, reader)) as mixed:
            yield from map(release, mixed.batches(names))


def _concatenate(batches: deque[Any], schema: pa.Schema) -> pl.DataFrame:
    """Concatenate the batches, and free each one immediately, to avoid a second copy of all rows."""
    frames = [frame(pa.Table.from_batches([], schema))]
    while batches:
        frames.append(frame(batches.popleft()))
    return pl.concat(frames)


def _in_random_order(released: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows in random order; at least one frame, which may be empty."""
    released = released.rechunk()  # gathering rows from many chunks takes eight times as long
    order = pl.int_range(released.height, dtype=pl.UInt32, eager=True).shuffle(secrets.randbits(64))
    for at in range(0, max(released.height, 1), BATCH_ROWS):
        yield released[order.slice(at, BATCH_ROWS)]


def _sorted(source: Source, names: Sequence[str], read: deque[Any], reader: Any) -> Source:
    """Sort the rows that were read, and the remaining ones of the reader, by a secret random number."""

    def batches() -> Iterator[Any]:
        while read:
            yield read.popleft()
        yield from reader

    con, folder = connection()
    columns = ", ".join(map(ident, names))
    # random() alone could give the same order twice; this salt is not stored.
    position = f"hash(random(), {lit(secrets.token_hex(16))}) as {_POSITION}"
    rows = computed(lambda: con.from_arrow(pa.RecordBatchReader.from_batches(reader.schema, batches())))
    mixed = computed(lambda: rows.project(f"{columns}, {position}").order(_POSITION).project(columns))
    return replace(source, native=mixed, columns=tuple(names), con=con, spill=folder)
