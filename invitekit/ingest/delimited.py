"""Read delimited text block by block: Polars splits the regular lines, Python's ``csv`` the few irregular ones."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import polars as pl

from invitekit.ingest.batches import ROW, Batch, RejectedRow, column_names, text_frame
from invitekit.ingest.csv_dialect import Dialect

BLOCK_SIZE = 1 << 25
"""Bytes that are read and split at a time."""
MAX_RECORD_LINES = 1000
"""Lines that a quoted cell may span; in a longer one its quote counts as not closed."""
_MAX_CELL = 1 << 30
_MARK_UNDECODABLE = "invitekit.mark_undecodable"
BROKEN = re.compile("[\ud800-\udfff]")
"""A surrogate: stands for a byte that does not decode, or is half a character in JSON."""

_BLANK = " \r\n"

codecs.register_error(_MARK_UNDECODABLE, lambda error: ("\udcff", getattr(error, "end", 0)))


def read_delimited(path: Path, dialect: Dialect) -> Iterator[Batch]:
    """Yield the rows after the header, each block of the file as a batch of text columns.

    A row that does not have the header's number of cells is rejected, whatever it holds; one more cell is
    allowed when it is empty. A quote that is not closed rejects its line only. Blank lines are no rows, but
    count in row numbers, as in a spreadsheet.
    """
    # Python's reader rejects longer cells.
    csv.field_size_limit(_MAX_CELL)
    skip, number = dialect.skip, dialect.first_row
    unfinished: list[bytes] = []
    for block, is_last in _blocks(path, dialect.encoding):
        lines = block.splitlines(keepends=True)
        skipped = min(skip, len(lines))
        del lines[:skipped]
        skip -= skipped
        if unfinished or lines:
            split = _Block([*unfinished, *lines], dialect, number, is_last=is_last)
            yield split.batch()
            unfinished, number = split.unfinished, split.next_number


def open_text(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a text file; a byte that does not decode becomes a surrogate."""
    with path.open("r", encoding=encoding, errors=_MARK_UNDECODABLE, newline="") as file:
        yield from file


def _blocks(path: Path, encoding: str) -> Iterator[tuple[bytes, bool]]:
    """Yield blocks of whole lines in UTF-8, and whether a block is the last one."""
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)(_MARK_UNDECODABLE)
    rest = b""
    with path.open("rb") as file:
        while read := file.read(BLOCK_SIZE):
            # What does not decode stays invalid in UTF-8 too, and is detected there.
            block = rest + (read if decoder is None else decoder.decode(read).encode("utf-8", "surrogatepass"))
            # A carriage return at the end may be followed by a line feed.
            end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if end:
                yield block[:end], False
            rest = block[end:]
    if decoder is not None:
        rest += decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    yield rest, True


@dataclass(frozen=True, slots=True)
class _Irregular:
    """A row that was read on its own: the lines that it spans, and its cells or why it is rejected."""

    start: int
    lines: int
    cells: list[str] | None
    reason: str | None
    content: str


class _Block:
    """The lines of a block: regular rows, rows with irregular lines, and rejected rows.

    Attributes:
        next_number: The number of the row after the block.
        unfinished: Lines at the end of the block that may belong to a row of the next one.
    """

    def __init__(self, lines: list[bytes], dialect: Dialect, first_number: int, *, is_last: bool) -> None:
        self._delimiter, self._width = dialect.delimiter, len(dialect.headers)
        regular, blank = self._classify(_as_text(lines))
        irregular, end = self._read_irregular(lines, ~(regular | blank), is_last=is_last)
        self.unfinished = lines[end:]
        readable = [row for row in irregular if row.cells is not None]
        follows = _mark(len(lines), (i for row in irregular for i in range(row.start + 1, row.start + row.lines)))
        kept = ((regular & ~follows) | _mark(len(lines), (row.start for row in readable))).head(end)
        # A row is numbered by its first line; the lines that follow it do not count.
        follows = follows.head(end).cast(pl.Int64)
        numbers = first_number + pl.int_range(end, eager=True) - follows.cum_sum()
        self.next_number = first_number + end - int(follows.sum())
        self._numbers = numbers.filter(kept)
        self._body = self._one_row_a_line(lines, readable, kept.to_list())
        self._rejected = [
            RejectedRow(int(numbers[row.start]), row.reason, row.content) for row in irregular if row.reason is not None
        ]

    def batch(self) -> Batch:
        """Return the rows of the block in order."""
        names = column_names(self._width)
        if not self._body:
            return Batch(text_frame([], [[]] * self._width, self._width), self._rejected)
        # One column more, for the empty cell that a line may have at its end.
        header = self._delimiter.join([*names, "rest"]).encode() + b"\n"
        frame = pl.read_csv(header + self._body, separator=self._delimiter, infer_schema=False)
        return Batch(frame.select(self._numbers.alias(ROW), *names), self._rejected)

    def _one_row_a_line(self, lines: list[bytes], readable: Sequence[_Irregular], kept: list[bool]) -> bytes:
        """Join regular lines and irregular rows, these with all their cells quoted."""
        for row in readable:
            quoted = io.StringIO()
            writer = csv.writer(quoted, delimiter=self._delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerow(row.cells or [])
            lines[row.start] = quoted.getvalue().encode()
        body = b"".join(compress(lines, kept))
        if b"\r" not in body:
            return body
        irregular = {row.start for row in readable}
        ended = (line if i in irregular else line.rstrip(b"\r\n") + b"\n" for i, line in enumerate(lines))
        return b"".join(compress(ended, kept))

    def _classify(self, text: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return which lines are regular rows on their own, and which are blank."""
        quoted = text.str.contains('"', literal=True).fill_null(value=False)
        regular = self._has_width(text)
        if quoted.any():
            quoting = text.filter(quoted)
            separator = re.escape(self._delimiter)
            cell = f'(?:"(?:[^"]|"")*"|[^"{separator}]*)'
            outside = quoting.str.replace_all('"[^"]*"', "q")
            fits = quoting.str.contains(f"^{cell}(?:{separator}{cell})*[\r\n]*$") & self._has_width(outside)
            regular = regular.scatter(quoted.arg_true(), fits)
        odd = ~regular
        blank = odd.clone()
        if odd.any():
            blank = blank.scatter(
                odd.arg_true(), (text.filter(odd).str.strip_chars(_BLANK) == "").fill_null(value=False)
            )
        return regular, blank

    def _has_width(self, text: pl.Series) -> pl.Series:
        """Return which lines have the header's number of delimiters, or one more at their end."""
        delimiters = text.str.count_matches(self._delimiter, literal=True)
        fits = delimiters == self._width - 1
        one_more = delimiters == self._width
        if one_more.any():
            at_end = text.filter(one_more).str.strip_chars_end("\r\n").str.ends_with(self._delimiter)
            fits = fits.scatter(one_more.arg_true(), at_end)
        return fits.fill_null(value=False)

    def _read_irregular(self, lines: list[bytes], odd: pl.Series, *, is_last: bool) -> tuple[list[_Irregular], int]:
        """Read the rows that begin at odd lines, and return where a row begins that the block does not end."""
        rows: list[_Irregular] = []
        end = 0
        for start in odd.arg_true():
            if start < end:
                continue  # a line of the row before
            row = self._read_row(lines, start)
            if row is None and not is_last and len(lines) - start < MAX_RECORD_LINES:
                return rows, start
            rows.append(row or self._unreadable(lines[start], start))
            end = start + rows[-1].lines
        return rows, len(lines)

    def _read_row(self, lines: list[bytes], start: int) -> _Irregular | None:
        """Read the row that begins at a line; None if a quote in it is not closed."""
        # Not islice, which would walk to the first line.
        decoded = (_decode(lines[i]) for i in range(start, min(start + MAX_RECORD_LINES, len(lines))))
        reader = csv.reader(decoded, delimiter=self._delimiter, strict=True)
        try:
            cells = next(reader)
        except csv.Error as error:
            return None if "unexpected end" in str(error) else self._unreadable(lines[start], start)
        content = "".join(map(_decode, lines[start : start + reader.line_num])).rstrip("\r\n")
        reason = None
        if BROKEN.search(content):
            reason = "holds bytes that do not decode"
        elif not (len(cells) == self._width or (len(cells) == self._width + 1 and not cells[-1])):
            reason = f"has {len(cells)} cells, not {self._width}"
        return _Irregular(start, reader.line_num, None if reason else cells, reason, content)

    def _unreadable(self, line: bytes, start: int) -> _Irregular:
        content = _decode(line).rstrip("\r\n")
        reason = "has a quote that is not closed, or text after a closing one"
        if BROKEN.search(content):
            reason = "holds bytes that do not decode"
        return _Irregular(start, 1, None, reason, content)


def _as_text(lines: list[bytes]) -> pl.Series:
    """Return lines as text; those that do not decode are null."""
    try:
        return pl.Series("line", lines, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        decoded = map(_decode, lines)
        return pl.Series("line", [None if BROKEN.search(line) else line for line in decoded], dtype=pl.String)


def _decode(line: bytes) -> str:
    return line.decode("utf-8", _MARK_UNDECODABLE)


def _mark(count: int, positions: Iterable[int]) -> pl.Series:
    """Return so many flags, those at the positions true."""
    flags = pl.Series([False]).new_from_index(0, count)
    marked = list(positions)
    return flags.scatter(marked, values=True) if marked else flags
