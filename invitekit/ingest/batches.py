"""A batch of rows from a reader: text or typed columns by position, and the rows that it rejected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from invitekit.i18n import Message

ROW = "_ik_row"
"""The column with a row's number in its source, as a spreadsheet shows it."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that a reader rejected: its number, why, and its content."""

    number: int
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a source in order: ``_ik_row``, then ``c0, c1, ...`` by position; and rejected rows.

    ``notes`` counts rows that the summary reports, by message.
    """

    rows: pl.DataFrame
    rejected: Sequence[RejectedRow] = ()
    notes: Mapping[Message, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """An opened source: a file, a sheet or a frame.

    Attributes:
        name: Its name in records and messages.
        headers: Its own headers, in order.
        read: Yields its rows batch by batch; it can be called once.
        epoch: Day 0 of a workbook's serial dates; None for other sources.
        ignored: Sheets of the same workbook that are not read.
        encoding, delimiter: Of text formats.
    """

    name: str
    headers: tuple[str, ...]
    read: Callable[[], Iterator[Batch]]
    epoch: dt.datetime | None = None
    ignored: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None


def column_names(width: int) -> list[str]:
    """Return the names of a batch's columns."""
    return [f"c{i}" for i in range(width)]


def text_frame(numbers: Sequence[int], columns: Iterable[Sequence[Any]], width: int) -> pl.DataFrame:
    """Return row numbers and columns of text as the rows of a batch."""
    series = [pl.Series(ROW, numbers, dtype=pl.Int64)]
    series += [pl.Series(n, c, dtype=pl.String) for n, c in zip(column_names(width), columns, strict=True)]
    return pl.DataFrame(series)


def mark_rows(count: int, positions: Iterable[int]) -> pl.Series:
    """Return ``count`` flags, true at the positions."""
    flags = pl.Series([False]).new_from_index(0, count)
    marked = sorted(positions)
    return flags.scatter(marked, values=True) if marked else flags
