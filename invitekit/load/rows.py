"""Read delimited or JSON text row by row, and say of every row that is refused why.

The careful way: slower than DuckDB's own reader and used where that one finds anything odd.
A record that is malformed is refused at its first line, and reading goes on at the next one, so
an unclosed quote costs one line and not the rest of the file.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

MOST_LINES = 1000
"""Lines that one quoted cell may span; past that its quote counts as unclosed."""
_LONGEST_CELL = 1 << 30
_MOST_WHOLE = 10**18
"""From here on a number with a point stays as it is written."""
BROKEN = re.compile("[\ud800-\udfff]")
"""What a byte that does not decode, or half a character in JSON, becomes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: its number as a spreadsheet shows it, and its cells."""

    number: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """One row that cannot be read: its number, why, and what it holds."""

    number: int
    reason: str
    content: str


def read_delimited(lines: Iterable[str], delimiter: str, width: int, first_row: int) -> Iterator[Row | Refused]:
    """Read records of delimited text, each as cells or as a refusal; blank lines are no rows.

    Args:
        lines: Physical lines with their ends, from after the header.
        delimiter: One character.
        width: Cells that each record must have; one more is allowed when it is empty.
        first_row: The number of the first line's row.
    """
    # Python's reader would take a longer cell for a malformed one.
    csv.field_size_limit(_LONGEST_CELL)
    ahead: deque[str] = deque()
    source = iter(lines)
    number = first_row - 1
    while (line := ahead.popleft() if ahead else next(source, None)) is not None:
        number += 1
        if not line.strip(" \r\n"):
            continue
        if '"' in line:
            cells, reason = _quoted(line, source, ahead, (delimiter, width))
        else:
            cells = line.rstrip("\r\n").split(delimiter)
            reason = _misfit(line, cells, width)
        yield Refused(number, reason, line.rstrip("\r\n")) if reason else Row(number, cells[:width])


def _misfit(text: str, cells: list[str], width: int) -> str | None:
    if not text.isascii() and BROKEN.search(text):
        return "holds bytes that do not decode"
    if not cells:
        return "has a quote that is not closed, or text after a closing one"
    if len(cells) == width or (len(cells) == width + 1 and not cells[-1]):
        return None
    return f"has {len(cells)} cells, not {width}"


def _quoted(
    first: str, source: Iterator[str], ahead: deque[str], shape: tuple[str, int]
) -> tuple[list[str], str | None]:
    """Read a record with quotes; when it does not fit, every line after its first is put back."""
    delimiter, width = shape
    lines = [first]
    cells = _split(lines, delimiter)
    while cells is None and len(lines) < MOST_LINES:
        line = ahead.popleft() if ahead else next(source, None)
        if line is None:
            break
        lines.append(line)
        if '"' in line:
            cells = _split(lines, delimiter)
    reason = _misfit("".join(lines), cells or [], width)
    if reason:
        ahead.extendleft(reversed(lines[1:]))
    return cells or [], reason


def _split(lines: list[str], delimiter: str) -> list[str] | None:
    """Split the lines of one record: None while a quote is open, no cells when it is malformed."""
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None if "unexpected end" in str(error) else []
    return rows[0] if len(rows) == 1 else []


def read_json_lines(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str | None]] | Refused]:
    """Read JSON lines, each as an object with its values as text, or as a refusal."""
    for number, written in enumerate(lines, start=1):
        line = written.lstrip("\ufeff") if number == 1 else written
        if not line.strip():
            continue
        try:
            found = json.loads(line, parse_int=str, parse_float=Number)
        except (ValueError, RecursionError):
            yield Refused(number, "is not JSON", line.strip())
            continue
        yield as_object(number, found)


class Number(str):
    """A JSON number with a point or an exponent, by its own text."""

    __slots__ = ()


def as_object(number: int, found: object) -> tuple[int, dict[str, str | None]] | Refused:
    """Take one JSON value as a record: values as text, nested ones as JSON."""
    if not isinstance(found, dict):
        return Refused(number, "is JSON but no object", json.dumps(found, ensure_ascii=False))
    cells = {str(key): _as_text(value) for key, value in found.items()}
    if any(BROKEN.search(text) for pair in cells.items() for text in pair if text):
        return Refused(number, "holds half a character", json.dumps(found))
    return number, cells


def _whole(text: str) -> str | None:
    """Give a whole number without zeros that are not its own: a mobile that was a float is 13800001111.0."""
    try:
        number = Decimal(text)
        whole = number.copy_abs() < _MOST_WHOLE and number == number.to_integral_value()
    except InvalidOperation:  # an exponent of twenty digits
        return None
    return str(int(number)) if whole else None


def _as_text(value: object) -> str | None:
    if isinstance(value, Number):
        return _whole(value) or str(value)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
