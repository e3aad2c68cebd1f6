"""Find the dialect of a delimited text file: its encoding, its delimiter, and where its header is."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from invitekit.ingest.encoding import HEAD, HEADER_WITHIN, encoding_of_file
from invitekit.ingest.headers import ReadOptions, header_rows, header_score, missing_column, require_column

DELIMITERS = (",", ";", "\t", "|")
_HEAD_LINES = 500
_SURE = 4
"""A row of at least so many cells that are all known headers is the header."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text file is written.

    Attributes:
        encoding: A Python codec name.
        delimiter: One character.
        headers: The cells of the header row.
        skip: Physical lines up to and with the header row.
        first_row: The number that a spreadsheet shows for the row after the header.
    """

    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    skip: int
    first_row: int


def find_dialect(path: Path, options: ReadOptions) -> Dialect:
    """Find the encoding from the whole file, then the delimiter and the header from its first lines.

    Raises:
        SourceError: The encoding cannot be told.
        SchemaError: No row near the top names the required column.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    codec = encoding_of_file(path, options.encoding)
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(head)
    # Not str.splitlines: it also breaks at characters that are part of a cell.
    lines = list(islice(io.StringIO(text, newline=""), _HEAD_LINES))
    best: tuple[int, int, Dialect] | None = None
    for rank, delimiter in enumerate(DELIMITERS):
        for row, (skip, cells) in enumerate(islice(_rows(lines, delimiter), HEADER_WITHIN), start=1):
            score = header_score(cells, options.columns)
            if score and (best is None or (score, -rank) > best[:2]):
                best = (score, -rank, Dialect(codec, delimiter, tuple(cells), skip, row + 1))
            if score == len(cells) >= _SURE:
                return _checked(best, path, lines, options)
    return _checked(best, path, lines, options)


def _checked(best: tuple[int, int, Dialect] | None, path: Path, lines: Sequence[str], options: ReadOptions) -> Dialect:
    if best is None:
        names, *below = _likely_table(lines) or [[]]
        raise missing_column(options.required, path.name, names, below)
    dialect = best[2]
    rows = list(islice(_rows(lines, dialect.delimiter), 2 * HEADER_WITHIN))
    headers, last = header_rows([cells for _, cells in rows], dialect.first_row - 2, options.columns)
    below = [cells for _, cells in rows[last + 1 :]]
    require_column(options.required, headers, options.columns, path.name, below)
    return replace(dialect, headers=tuple(headers), skip=rows[last][0], first_row=last + 2)


def _likely_table(lines: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return the rows from the first of the widest ones on, split at the delimiter that makes them the widest."""
    tables = [[cells for _, cells in islice(_rows(lines, d), HEADER_WITHIN)] for d in DELIMITERS]
    table = max(tables, key=lambda rows: max(map(len, rows), default=0))
    widest = max(map(len, table), default=0)
    return table[next((i for i, cells in enumerate(table) if len(cells) == widest), 0) :]


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(iter(lines), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells]
    except csv.Error:
        return
