"""Delimited text: DuckDB reads it at speed, and row by row where anything in it is odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from invitekit.load import text
from invitekit.load.encoding import HEAD, find_encoding
from invitekit.load.rows import Refused, Row, read_delimited
from invitekit.load.source import Source
from invitekit.load.sql import lit, lit_path
from invitekit.load.table import Table, stream
from invitekit.load.text import Wishes
from invitekit.model import schema

_BUFFER = 32_000_000
"""Bytes DuckDB's reader takes at a time; said aloud, it reads a third faster than with its own default."""


def open_delimited(source: Source, wishes: Wishes) -> Table:
    """Open delimited text: in UTF-8 for DuckDB's own reader, in other encodings row by row."""
    layout = text.find_layout(source.path, wishes)
    if layout.encoding not in ("utf-8", "utf-8-sig"):
        return _careful_csv(source, layout)
    width = len(layout.headers)
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    scan = (
        f"read_csv({lit_path(source.path)}, columns={{{names}}}, header=false, auto_detect=false, "
        f"skip={layout.skip}, delim={lit(layout.delimiter)}, quote='\"', escape='\"', strict_mode=true, "
        f"buffer_size={_BUFFER}, nullstr='')"
    )

    def careful() -> Table:
        return _careful_csv(source, _settled(source, layout, wishes))

    table = Table(source.name, layout.headers, scan, first_row=layout.first_row, careful=careful)
    asked = frozenset((*text.WHITE, *schema.MASK_MARKS)) - {" "}
    with source.path.open("rb") as file:
        likely = text.likely_signs(file.read(HEAD), asked)
    table.survey = lambda: text.survey(source.path, asked - likely)
    table.skip = layout.skip
    table.white, table.masks = likely & table.white, likely & table.masks
    table.head = [row for row in layout.head if len(row) == width]
    table.encoding, table.delimiter = layout.encoding, layout.delimiter
    return table


def _settled(source: Source, layout: text.Layout, wishes: Wishes) -> text.Layout:
    """Decide the encoding again from the whole file: its head may have been plain ASCII."""
    if wishes.encoding or layout.encoding == "utf-8-sig":
        return layout
    with source.path.open("rb") as file:
        encoding = find_encoding(b"", source.name, file)
    return layout if encoding == layout.encoding else text.find_layout(source.path, replace(wishes, encoding=encoding))


def _careful_csv(source: Source, layout: text.Layout) -> Table:
    table = Table(source.name, layout.headers, "_ik_source", numbered=True)
    table.encoding, table.delimiter = layout.encoding, layout.delimiter
    width = len(layout.headers)

    def rows() -> Iterator[Row | Refused]:
        with text.open_text(source.path, layout.encoding) as file:
            body = islice(file, layout.skip, None)
            yield from read_delimited(body, layout.delimiter, width, layout.first_row)

    table.frame = stream(rows(), width, table.refused)
    return table
