"""Find the dialect of a delimited text file: its encoding, its delimiter, and the position of its header."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from invitekit.errors import SchemaError, SourceError
from invitekit.i18n import _
from invitekit.ingest.encoding import HEAD, HEADER_WITHIN, encoding_of_file
from invitekit.ingest.headers import (
    IDENTIFYING,
    ReadOptions,
    header_rows,
    header_score,
    map_headers,
    missing_column,
    require_column,
)

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x01")
_HEAD_LINES = 500
_LONG = 40
"""Characters: a longer line without a known delimiter probably has several cells."""
_SURE = 4
"""A row of this many cells or more, all of them known headers, is certainly the header."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The dialect of a delimited text file.

    Attributes:
        encoding: A Python codec name.
        delimiter: One character.
        headers: The cells of the header row.
        skip: Lines of the file before the first row of data.
        first_row: The row number of the first row of data, as a spreadsheet shows it.
        min_cells: The fewest cells of a row: as many as the header has, or fewer if the missing ones may be empty.
        quote: The character around cells that hold a delimiter.
    """

    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    skip: int
    first_row: int
    min_cells: int
    quote: str = '"'


def find_dialect(path: Path, options: ReadOptions) -> Dialect:
    """Find the encoding from the whole file, then the delimiter and the header from its first lines.

    Raises:
        SourceError, SchemaError: The encoding is not known, or no row near the top names the required column.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    codec = encoding_of_file(path, options.encoding)
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(head)
    # Not str.splitlines, which also splits at characters that may be part of a cell.
    lines = list(islice(io.StringIO(text, newline=""), _HEAD_LINES))
    best: tuple[int, int, Dialect] | None = None
    for rank, delimiter in enumerate(DELIMITERS):
        for row, (skip, cells) in enumerate(islice(_rows(lines, delimiter), HEADER_WITHIN), start=1):
            score = header_score(cells, options.columns)
            if score and (best is None or (score, -rank) > best[:2]):
                best = (score, -rank, Dialect(codec, delimiter, tuple(cells), skip, row + 1, len(cells)))
            if score == len(cells) >= _SURE:
                return _checked(best, path, lines, options)
    return _checked(best, path, lines, options)


def _checked(best: tuple[int, int, Dialect] | None, path: Path, lines: Sequence[str], options: ReadOptions) -> Dialect:
    if best is None:
        _check_not_garbled(path, lines, options)
        names, *below = _likely_table(lines) or [[]]
        # Polars accepts delimiters of one byte only, so these are not supported.
        parts = re.split("[，；、｜]| {2,}", names[0]) if len(names) == 1 else []
        if parts and (len(names[0]) > _LONG or header_score(parts, options.columns) > 1):
            raise SchemaError(
                _("The lines of '{name}' cannot be split into cells: their delimiter is unknown.", name=path.name),
                hint=_("save it with commas, semicolons or tabs between the cells, or as a workbook."),
            )
        raise missing_column(options.required, path.name, names, below)
    dialect = best[2]
    rows = list(islice(_rows(lines, dialect.delimiter), 2 * HEADER_WITHIN))
    headers, last = header_rows([cells for _, cells in rows], dialect.first_row - 2, options.columns)
    below = [cells for _, cells in rows[last + 1 :]]
    require_column(options, headers, path.name, below)
    quote = "'" if all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in headers) else '"'
    headers = [cell[1:-1] for cell in headers] if quote == "'" else headers
    return replace(
        dialect,
        headers=tuple(headers),
        skip=rows[last][0],
        first_row=last + 2,
        min_cells=_min_cells(headers, options),
        quote=quote,
    )


def _check_not_garbled(path: Path, lines: Sequence[str], options: ReadOptions) -> None:
    """Check that the header is not UTF-8 that was read in another encoding and saved again."""
    for codec in ("cp1252", "latin-1"):
        try:
            again = [line.encode(codec).decode() for line in lines[:HEADER_WITHIN]]
        except UnicodeError:
            continue
        if any(header_score(cells, options.columns) for d in DELIMITERS for _, cells in _rows(again, d)):
            raise SourceError(
                _(
                    "The text of '{name}' is garbled: UTF-8 was read as {codec} and saved again.",
                    name=path.name,
                    codec=codec,
                ),
                hint=_("export it again and do not edit it in between, or open it as UTF-8."),
            )


def _min_cells(headers: Sequence[str], options: ReadOptions) -> int:
    """Return the fewest cells that a row needs for the required column and a column that identifies customers."""
    canonical = map_headers(headers, options.columns).canonical
    # The second part of a split column has no cell in the file.
    position = {name: i for i, name in canonical.items() if i < len(headers)}
    identifying = [position[name] for name in IDENTIFYING if name in position]
    if options.required not in position or not identifying:
        return len(headers)
    return max(position[options.required], min(identifying)) + 1


def _likely_table(lines: Sequence[str]) -> Sequence[Sequence[str]]:
    """Split the lines at the delimiter that gives the most cells, and return the rows from the widest one on."""
    tables = [[cells for _, cells in islice(_rows(lines, d), HEADER_WITHIN)] for d in DELIMITERS]
    table = max(tables, key=lambda rows: max(map(len, rows), default=0))
    widest = max(map(len, table), default=0)
    return table[next((i for i, cells in enumerate(table) if len(cells) == widest), 0) :]


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(iter(lines), delimiter=delimiter)
    try:
        for row in reader:
            # A spreadsheet that read the file as one column has quoted each line as a whole.
            cells = next(csv.reader(row, delimiter=delimiter)) if len(row) == 1 and delimiter in row[0] else row
            yield reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells]
    except csv.Error:
        return
