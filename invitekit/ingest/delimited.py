"""Read delimited text in blocks: Polars splits regular lines, Python's ``csv`` the few irregular ones."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from invitekit.errors import SourceError
from invitekit.i18n import Message, _, ngettext
from invitekit.ingest.batches import ROW, Batch, RejectedRow, column_names, mark_rows, text_frame
from invitekit.ingest.csv_dialect import Dialect

BLOCK_SIZE = 1 << 25
"""Bytes of a block."""
MAX_RECORD_LINES = 1000
"""The most lines that a quoted cell may span; beyond that, its quote counts as not closed."""
_MAX_LINE = 1 << 25
"""The most bytes of a line: a longer one is not a row of a table, and splitting it takes many times its size."""
_MAX_CELL = 1 << 30
_MARK_UNDECODABLE = "invitekit.mark_undecodable"
BROKEN = re.compile("[\ud800-\udfff]")
"""A surrogate: it replaces a byte that does not decode, or is half a character in JSON."""

_BLANK = " \f\x1a\r\n"
"""Characters of a blank line, with the page breaks of print programs and the end mark of DOS."""
_PADDED = ngettext(
    "{n:,} row has fewer cells than the header: the missing last cells were read as empty.",
    "{n:,} rows have fewer cells than the header: the missing last cells were read as empty.",
    0,
)
_SPLIT = ngettext(
    "{n:,} row was quoted as one cell and was split into cells.",
    "{n:,} rows were quoted as one cell and were split into cells.",
    0,
)
_BACKSLASHED = ngettext(
    "{n:,} row has quotes that are escaped with a backslash, and was read like this.",
    "{n:,} rows have quotes that are escaped with a backslash, and were read like this.",
    0,
)


def _surrogate(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return a surrogate for bytes that do not decode, or the euro sign for byte 0x80 of Windows' GBK.

    For surrogates that do not encode, return as many bytes that do not decode.
    """
    if isinstance(error, UnicodeEncodeError):
        return b"\xff" * (error.end - error.start), error.end
    if isinstance(error, UnicodeDecodeError) and error.encoding == "gb18030" and error.object[error.start] == 0x80:
        return "€", error.start + 1
    return "\udcff", getattr(error, "end", 0)


codecs.register_error(_MARK_UNDECODABLE, _surrogate)


def read_delimited(path: Path, dialect: Dialect) -> Iterator[Batch]:
    """Yield the rows after the header, each block of the file as a batch of text columns.

    A row with more cells than the header is rejected unless the additional ones are empty. In a row with fewer
    cells the missing last ones are empty, unless the row lacks its key or status, or is a part of a broken row.
    A line that is quoted as a whole is split. A quote that is not closed rejects only its own line. Blank lines and
    rows of empty cells are skipped, but count in row numbers, as in a spreadsheet.
    """
    # By default, Python's reader rejects cells of more than 128 KB.
    csv.field_size_limit(_MAX_CELL)
    skip, number = dialect.skip, dialect.first_row
    unfinished = b""
    for block, is_last in _blocks(path, dialect.encoding):
        lines = _split(unfinished + block if unfinished else block)
        skipped = min(skip, len(lines.raw))
        skip -= skipped
        if len(lines.raw) > skipped:
            split = _Block(lines.without(skipped), dialect, number, is_last=is_last)
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
            # Bytes that do not decode stay invalid in UTF-8, and are detected later.
            block = rest + (read if decoder is None else decoder.decode(read).encode("utf-8", _MARK_UNDECODABLE))
            # A carriage return at the end may be followed by a line feed.
            end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
            if end:
                yield block[:end], False
            rest = block[end:]
            if len(rest) > _MAX_LINE:
                raise SourceError(
                    _("'{name}' has a line of more than {most:,} bytes.", name=path.name, most=_MAX_LINE),
                    hint=_("export it again: no table has such lines."),
                )
    if decoder is not None:
        rest += decoder.decode(b"", final=True).encode("utf-8", _MARK_UNDECODABLE)
    yield rest, True


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a block, with their ends.

    Attributes:
        block: Their bytes, with a line feed at the end of each line but the last.
        sizes: The bytes of each line.
        raw: Their texts, with surrogates for bytes that do not decode.
        text: Their texts; null where bytes do not decode.
    """

    block: memoryview
    sizes: pl.Series
    raw: pl.Series | list[str]
    text: pl.Series

    def without(self, count: int) -> _Lines:
        """Return the lines after the first ones."""
        begin = int(self.sizes.head(count).sum())
        return _Lines(self.block[begin:], self.sizes[count:], self.raw[count:], self.text[count:])


def _split(block: bytes) -> _Lines:
    """Split a block into lines: all at once, unless bytes do not decode or lines end with a carriage return alone."""
    returns = block.count(b"\r")
    if not returns or returns == block.count(b"\r\n"):
        with contextlib.suppress(pl.exceptions.ComputeError):
            whole = pl.Series([block], dtype=pl.Binary).cast(pl.String)
            text: pl.Series = whole.str.split("\n", inclusive=True)[0]
            return _Lines(memoryview(block), text.str.len_bytes(), text, text)
    raw = [line.decode("utf-8", _MARK_UNDECODABLE) for line in block.splitlines(keepends=True)]
    encoded = [re.sub(r"\r\Z", "\n", line).encode("utf-8", _MARK_UNDECODABLE) for line in raw]
    text = pl.Series("line", [None if BROKEN.search(line) else line for line in raw], dtype=pl.String)
    return _Lines(memoryview(b"".join(encoded)), pl.Series(map(len, encoded), dtype=pl.UInt32), raw, text)


@dataclass(frozen=True, slots=True)
class _Irregular:
    """A row that was read separately: the lines that it spans, and its cells or why it is rejected."""

    start: int
    lines: int
    cells: list[str] | None
    reason: str | None
    content: str
    note: Message | None = None


class _Block:
    """The lines of a block: regular rows, rows with irregular lines, and rejected rows.

    Attributes:
        next_number: The number of the row after the block.
        unfinished: Lines at the end of the block that may belong to a row of the next one, in UTF-8.
    """

    def __init__(self, lines: _Lines, dialect: Dialect, first_number: int, *, is_last: bool) -> None:
        self._delimiter, self._width, self._quote = dialect.delimiter, len(dialect.headers), dialect.quote
        self._min_cells, self._is_last = dialect.min_cells, is_last
        # A row need not have the last cells if they have no header.
        self._full = next((i + 1 for i in reversed(range(self._width)) if dialect.headers[i]), self._width)
        self._notes: Counter[Message] = Counter()
        self._padded: pl.Series | None = None
        inside, regular, blank, cells = self._classify_rows(lines)
        irregular, end = self._read_irregular(lines.raw, ~(regular | blank | inside) & cells.is_null())
        self.unfinished = "".join(lines.raw[end:]).encode("utf-8", _MARK_UNDECODABLE)
        readable = [row for row in irregular if row.cells is not None]
        rest = mark_rows(len(regular), (i for row in irregular for i in range(row.start + 1, row.start + row.lines)))
        whole, follows = regular & ~rest & ~inside, inside | rest
        kept = (whole | mark_rows(len(regular), (row.start for row in readable))).head(end)
        # A row is numbered by its first line; the lines that follow it do not count.
        follows = follows.head(end).cast(pl.Int64)
        numbers = first_number + pl.int_range(end, eager=True) - follows.cum_sum()
        self.next_number = first_number + end - int(follows.sum())
        self._numbers = numbers.filter(kept)
        self._body = self._one_row_a_line(lines, (whole | inside).head(end), readable)
        self._notes.update(row.note for row in readable if row.note)
        if self._padded is not None:
            self._notes[_PADDED] += int((self._padded.head(end) & regular.head(end) & kept).sum())
        self._rejected = [
            RejectedRow(int(numbers[row.start]), row.reason, row.content) for row in irregular if row.reason is not None
        ]
        at = (cells.head(end).is_not_null() & (follows == 0)).arg_true()
        for number, start, count in zip(numbers.gather(at), at, cells.gather(at), strict=True):
            content = lines.raw[start].rstrip("\r\n")
            self._rejected.append(RejectedRow(number, _wrong_count(count, self._width), content))

    def batch(self) -> Batch:
        """Return the rows of the block in order."""
        if self._numbers.is_empty():
            return Batch(text_frame([], [[]] * self._width, self._width), self._rejected, self._notes)
        frame = pl.read_csv(
            self._body,
            separator=self._delimiter,
            quote_char=self._quote,
            infer_schema=False,
            truncate_ragged_lines=True,  # empty cells at the end of a line
        )
        return Batch(frame.insert_column(0, self._numbers.alias(ROW)), self._rejected, self._notes)

    def _one_row_a_line(self, lines: _Lines, unchanged: pl.Series, readable: Sequence[_Irregular]) -> bytes:
        """Join a header, the unchanged lines, and the irregular rows with all their cells quoted."""
        rows: dict[int, bytes] = {}
        for row in readable:
            quoted = io.StringIO()
            writer = csv.writer(
                quoted, delimiter=self._delimiter, quotechar=self._quote, quoting=csv.QUOTE_ALL, lineterminator="\n"
            )
            writer.writerow(row.cells or [])
            rows[row.start] = quoted.getvalue().encode()
        pieces: list[bytes | memoryview] = [f"{self._delimiter.join(column_names(self._width))}\n".encode()]
        ends, changed, begin = lines.sizes.cast(pl.Int64).cum_sum(), (~unchanged).arg_true(), 0
        for i, end, size in zip(changed, ends.gather(changed), lines.sizes.gather(changed), strict=True):
            pieces += [lines.block[begin : end - size], rows.get(i, b"")]
            begin = end
        pieces.append(lines.block[begin : ends[len(unchanged) - 1] if len(unchanged) else 0])
        return b"".join(pieces)

    def _classify_rows(self, lines: _Lines) -> tuple[pl.Series, pl.Series, pl.Series, pl.Series]:
        """Return which lines begin inside a quoted cell, and what ``_classify`` says of the lines.

        The lines of a row with line breaks in quotes are classified together, as its first line; the other ones are
        empty. If one of these rows is not complete, a quote may be not closed: then each line is classified by itself,
        and so are lines with bytes that do not decode or with other ends.
        """
        text = lines.text
        inside = _begins_in_quotes(text, self._quote)
        if not isinstance(lines.raw, list) and inside.any():
            is_first = inside.shift(-1, fill_value=False) & ~inside
            rows = pl.DataFrame({"row": (~inside).cum_sum(), "text": text}).filter(inside | is_first)
            whole = rows.group_by("row", maintain_order=True).agg(pl.col("text").str.join(""), lines=pl.len())
            joined = text.clone().scatter(inside.arg_true(), "").scatter(is_first.arg_true(), whole["text"])
            regular, blank, cells = self._classify(joined)
            is_complete = regular if self._padded is None else regular & ~self._padded
            if is_complete.filter(is_first).all() and (whole["lines"] <= MAX_RECORD_LINES).all():
                return inside, regular, blank, cells
        return mark_rows(len(text), ()), *self._classify(text)

    def _classify(self, text: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
        """Return which lines are complete rows, which are blank, and the number of cells of lines with a wrong one.

        The cells of lines with quotes are not counted.
        """
        quoted = text.str.contains(self._quote, literal=True).fill_null(value=False)
        # As a pattern it is found faster than as a literal text.
        delimiters = text.str.count_matches(separator := re.escape(self._delimiter))
        malformed = pl.Series(dtype=pl.UInt32)
        if quoted.any():
            quoting, at = text.filter(quoted), quoted.arg_true()
            q = self._quote
            cell = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{separator}]*)"
            outside = quoting.str.replace_all(f"{q}[^{q}]*{q}", "q")
            delimiters = delimiters.scatter(at, outside.str.count_matches(separator))
            malformed = at.filter(~quoting.str.contains(f"^{cell}(?:{separator}{cell})*[\r\n]*$"))
        regular = (delimiters == self._width - 1).fill_null(value=False)
        blank = odd = ~regular
        self._padded = None
        if odd.any():
            at = odd.arg_true()
            fits, padded = self._fits(text, delimiters, at)
            regular = regular.scatter(at, fits)
            self._padded = mark_rows(len(text), at.filter(padded)) if padded.any() else None
            blank = blank.scatter(at, (text.gather(at).str.strip_chars(_BLANK) == "").fill_null(value=False))
        regular = regular.scatter(malformed, values=False) if len(malformed) else regular
        nothing = f"{_BLANK}\t{self._delimiter}{self._quote}"
        at = (regular & text.str.contains(f"^[{re.escape(nothing)}]")).arg_true()
        empty = at.filter(text.gather(at).str.strip_chars(nothing) == "")
        regular, blank = regular.scatter(empty, values=False), blank.scatter(empty, values=True)
        miscounted = ~(regular | blank | quoted) & ~delimiters.is_between(self._min_cells - 1, self._width - 1)
        return regular, blank, (delimiters + 1).set(~miscounted.fill_null(value=False), None)

    def _fits(self, text: pl.Series, delimiters: pl.Series, at: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return which lines with too few or too many cells are valid rows, and which of these lack cells."""
        after = at + 1
        last = len(text) - 1
        if at[-1] == last:
            after = after.clone().scatter(len(at) - 1, None)
        columns = {"line": text, "count": delimiters.cast(pl.Int64)}
        lines = pl.DataFrame(
            {name: column.gather(at) for name, column in columns.items()}
            | {f"next_{name}": column.gather(after) for name, column in columns.items()}
        )
        line, count, following = pl.col("line"), pl.col("count"), pl.col("next_count")
        row = line.str.strip_chars_end("\r\n")
        at_end = row.str.len_bytes() - row.str.strip_chars_end(self._delimiter).str.len_bytes()
        too_many = (count >= self._width) & (at_end > count - self._width)
        short = (count >= self._min_cells - 1) & (count < self._width - 1) & line.str.contains("[\r\n]$")
        # Two lines that together have all cells are one row with a line break in it.
        broken = (following < self._min_cells - 1) & (count + following == self._width - 1)
        broken &= pl.col("next_line").str.strip_chars(_BLANK) != ""
        fits = (too_many | (short & ~broken.fill_null(not self._is_last))).fill_null(value=False)
        flags = lines.select(fits=fits, padded=(fits & (count < self._full - 1)).fill_null(value=False))
        return flags["fits"], flags["padded"]

    def _read_irregular(self, lines: pl.Series | list[str], odd: pl.Series) -> tuple[list[_Irregular], int]:
        """Read the rows that begin at odd lines; return them, and the line of a row that the block cuts off."""
        rows: list[_Irregular] = []
        end = 0
        for start in odd.arg_true():
            if start < end:
                continue  # part of the previous row
            row = self._read_row(lines, start)
            if row is None and not self._is_last and len(lines) - start < MAX_RECORD_LINES:
                return rows, start
            rows.append(row or self._unreadable(lines[start], start))
            end = start + rows[-1].lines
        return rows, len(lines)

    def _read_row(self, lines: pl.Series | list[str], start: int) -> _Irregular | None:
        """Read the row that begins at a line; None if a quote in it is not closed."""
        if (row := self._read_backslashed(lines[start], start)) is not None:
            return row
        # Not islice, which would iterate from the first line of the block.
        following = (lines[i] for i in range(start, min(start + MAX_RECORD_LINES, len(lines))))
        reader = csv.reader(following, delimiter=self._delimiter, quotechar=self._quote, strict=True)
        note = None
        try:
            cells = next(reader)
        except csv.Error as error:
            if "unexpected end" in str(error):
                return None
            return self._read_spaced(lines[start], start) or self._unreadable(lines[start], start)
        if len(cells) == 1 and self._delimiter in cells[0]:
            cells, note = self._split(cells)
        content = "".join(lines[start : start + reader.line_num])
        reason = None
        if BROKEN.search(content):
            reason = "holds bytes that do not decode"
        elif any(cells[self._width :]) or len(cells) < self._min_cells:
            reason = _wrong_count(len(cells), self._width)
        elif len(cells) < self._width:
            after = start + reader.line_num
            if after == len(lines) and not self._is_last:
                return None
            reason = self._why_not_padded(len(cells), content, lines[after] if after < len(lines) else "")
            note = note or (_PADDED if len(cells) < self._full else None)
        cells = [*cells[: self._width], *[""] * (self._width - len(cells))]
        return _Irregular(start, reader.line_num, None if reason else cells, reason, content.rstrip("\r\n"), note)

    def _split(self, cells: list[str]) -> tuple[list[str], Message | None]:
        """Split a row that is quoted as one cell, if its content is a row."""
        try:
            inside = next(csv.reader(cells, delimiter=self._delimiter, quotechar=self._quote, strict=True))
        except csv.Error:
            return cells, None
        return (inside, _SPLIT) if self._min_cells <= len(inside) <= self._width else (cells, None)

    def _why_not_padded(self, count: int, content: str, following: str) -> str | None:
        """Return why a row with missing last cells is rejected; None if they count as empty."""
        if not content.endswith(("\r", "\n")):
            return f"has {count} of {self._width} cells, and no line end: the file may be cut off"
        q = self._quote
        rest = following.strip(_BLANK)
        more = re.sub(f"{q}[^{q}]*{q}", "q", rest).count(self._delimiter)
        if rest and not BROKEN.search(rest) and more < self._min_cells - 1 and count + more == self._width:
            return f"has {count} of {self._width} cells: the next line seems to be the rest of it"
        return None

    def _read_backslashed(self, line: str, start: int) -> _Irregular | None:
        """Read a line with quotes escaped by a backslash; None if it has no such quotes, or is not a row even so."""
        if "\\" + self._quote not in line:
            return None
        return self._one_line(line, start) or self._one_line(line, start, "\\", _BACKSLASHED)

    def _read_spaced(self, line: str, start: int) -> _Irregular | None:
        """Read a line with spaces between a closing quote and a delimiter; None if it is still not a row."""
        q, separator = self._quote, re.escape(self._delimiter)
        spaced = f"(?:^|(?<={separator}))({q}(?:[^{q}]|{q}{q})*{q}) +(?={separator}|[\r\n]*$)"
        return self._one_line(re.sub(spaced, r"\1", line), start)

    def _one_line(
        self, text: str, start: int, escape: str | None = None, note: Message | None = None
    ) -> _Irregular | None:
        """Read a line as a row; None if it is not one row with all its cells."""
        reader = csv.reader([text], delimiter=self._delimiter, quotechar=self._quote, escapechar=escape, strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            return None
        complete = len(cells) == self._width and not BROKEN.search(text)
        return _Irregular(start, 1, cells, None, text.rstrip("\r\n"), note) if complete else None

    def _unreadable(self, line: str, start: int) -> _Irregular:
        content = line.rstrip("\r\n")
        reason = "has a quote that is not closed, or text after a closing one"
        if "\\" + self._quote in content:
            reason += "; its quotes are escaped with a backslash: export it again with doubled quotes"
        if BROKEN.search(content):
            reason = "holds bytes that do not decode"
        return _Irregular(start, 1, None, reason, content)


def _begins_in_quotes(text: pl.Series, quote: str) -> pl.Series:
    """Return which lines begin inside a quoted cell, if each quote is closed."""
    at = text.str.contains(quote, literal=True).arg_true()
    odd = mark_rows(len(text), at.filter(text.gather(at).str.count_matches(quote, literal=True) % 2 == 1))
    return (odd.cum_sum() - odd.cast(pl.UInt32)) % 2 == 1


def _wrong_count(count: int, width: int) -> str:
    return f"has {count} of {width} cells" if count < width else f"has {count} cells, not {width}"
