"""The one shape that every kind of source is brought into: a raw table that DuckDB can scan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from invitekit.load import text
from invitekit.load.rows import Refused, Row
from invitekit.model import schema

ROW = "_ik_row"
BATCH = 20_000


@dataclass
class Table:
    """A raw table on its way in.

    Attributes:
        name: What the file is called in records and messages.
        headers: The file's own headers, in order.
        scan: The SQL to select from; its columns are ``c0, c1, ...`` and perhaps ``_ik_row``.
        numbered: Whether the scan has ``_ik_row``; else rows follow one another from ``first_row``.
        types: DuckDB type of each column; VARCHAR for text formats.
        refused: Rows that the reader refused; complete only after the scan was read to its end.
        skip: Physical lines up to and with the header.
        survey: Looks at the file apart from the scan: what the quick reading is checked against, and
            the white characters and signs of a mask that the file's head does not have.
        white: Characters besides the space that may stand at the end of a cell.
        careful: Gives the same table read row by row.
        frame: The Arrow data behind the scan, to register under ``_ik_source``.
        epoch: Day 0 of a workbook's serial dates; None where it is no workbook.
        head: The first rows, where they are known before the scan.
        masks: Signs of a masked value that the source may hold.
        beside: Sheets of the same workbook that are not read.
    """

    name: str
    headers: tuple[str, ...]
    scan: str
    numbered: bool = False
    first_row: int = 2
    types: Sequence[str] | None = None
    refused: list[Refused] = field(default_factory=list)
    skip: int = 0
    survey: Callable[[], text.Survey] | None = None
    careful: Callable[[], Table] | None = None
    frame: pa.Table | pa.RecordBatchReader | None = None
    head: Sequence[Sequence[str]] | None = None
    epoch: dt.datetime | None = None
    white: frozenset[str] = frozenset(text.WHITE)
    masks: frozenset[str] = frozenset(schema.MASK_MARKS)
    beside: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None

    def column_type(self, position: int) -> str:
        """The DuckDB type of a column."""
        return self.types[position] if self.types else "VARCHAR"


def stream(rows: Iterable[Row | Refused], width: int, refused: list[Refused]) -> pa.RecordBatchReader:
    """Give rows to DuckDB batch by batch, putting refusals aside on the way."""
    shape = pa.schema([(ROW, pa.int64()), *((f"c{i}", pa.string()) for i in range(width))])

    def batches() -> Iterator[pa.RecordBatch]:
        source = iter(rows)
        while chunk := list(islice(source, BATCH)):
            kept = [row for row in chunk if isinstance(row, Row)]
            refused.extend(row for row in chunk if isinstance(row, Refused))
            columns = zip(*(row.cells for row in kept), strict=True) if kept else [()] * width
            arrays = [pa.array([row.number for row in kept], pa.int64())]
            arrays += [pa.array(column, pa.string()) for column in columns]
            yield pa.record_batch(arrays, schema=shape)

    return pa.RecordBatchReader.from_batches(shape, batches())
