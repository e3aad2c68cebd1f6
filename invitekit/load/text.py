"""Find out how a text file is written: its encoding, its delimiter, and where its header stands."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from invitekit import schema
from invitekit.errors import ArgumentError, SchemaError, SourceError
from invitekit.load.headers import how_to_choose, looks_like_data, show_headers
from invitekit.load.source import looks_like_utf16

DELIMITERS = (",", ";", "\t", "|")
HEADER_WITHIN = 20
"""A header stands in the first rows; above it an export may have a title."""
WHITE = tuple(map(chr, (0, 9, 10, 11, 12, 13, 32, 0x00A0, 0x200B, 0x2060, 0x3000, 0xFEFF)))
"""White and invisible characters that are no part of a cell when they stand at its ends."""
_HEAD = 1 << 18
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_COMMON_HANZI = 0.6
_FEW = 0.1
"""Of all lines, the share that may be broken in a file that is otherwise plain ASCII: they are refused."""
_ENOUGH = 4
"""Characters that such a file must hold to be taken for GB18030."""
_MARK_BROKEN = "invitekit.mark"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a delimited text file is laid out.

    Attributes:
        encoding: A Python codec name.
        delimiter: One character.
        headers: The cells of the header row.
        skip: Physical lines up to and with the header row.
        first_row: The number a spreadsheet would give the row after the header.
        head: Rows after the header; the last one may be cut.
    """

    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    skip: int
    first_row: int
    head: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to read: the user's header mapping and encoding, and the column a file must have."""

    columns: Mapping[str, str]
    encoding: str | None = None
    required: str = "status"


def find_layout(path: Path, wishes: Wishes) -> Layout:
    """Look at the head of a text file and say how it is laid out.

    Raises:
        SourceError: The encoding is none that we know.
        SchemaError: No row near the top names the required column.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    codec = checked(wishes.encoding) if wishes.encoding else find_encoding(head, path.name)
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(head)
    # Not str.splitlines: it also breaks at characters that are part of a cell.
    lines = list(islice(io.StringIO(text, newline=""), 500))
    best: tuple[int, int, Layout] | None = None
    for rank, delimiter in enumerate(DELIMITERS):
        for row, (skip, cells) in enumerate(islice(_rows(lines, delimiter), HEADER_WITHIN), start=1):
            score = header_score(cells, wishes.columns)
            if score and (best is None or (score, -rank) > best[:2]):
                best = (score, -rank, Layout(codec, delimiter, tuple(cells), skip, row + 1))
    if best is None:
        raise missing(wishes.required, path.name, _likely_headers(lines))
    layout = best[2]
    require(wishes.required, layout.headers, wishes.columns, path.name)
    rows = [cells for _, cells in _rows(lines[layout.skip :], layout.delimiter)]
    return replace(layout, head=rows)


def header_score(cells: Sequence[str], columns: Mapping[str, str]) -> int:
    """Count the cells that name a column of ours or of the user's mapping."""
    wanted = set(map(schema.header_key, columns.values()))
    return sum(1 for c in cells if c and (schema.canonical_name(c) or schema.header_key(c) in wanted))


def require(required: str, found: Sequence[str], columns: Mapping[str, str], name: str) -> None:
    """Refuse headers none of which names the required column.

    Raises:
        SchemaError: Naming the file and the headers found.
    """
    if not has(required, found, columns):
        raise missing(required, name, found)


def has(required: str, found: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Whether one of the headers names the required column."""
    wanted = schema.header_key(columns.get(required, required))
    return any(schema.canonical_name(h) == required or schema.header_key(h) == wanted for h in found)


def missing(required: str, name: str, found: Sequence[str]) -> SchemaError:
    """Say that a file lacks a column, and what it has."""
    # A row of cells may hold one word that is a header, too: its other words may be names.
    known = sum(schema.canonical_name(h) is not None for h in found)
    shown = f"{len(found)} columns, {known or 'none'} with a known header"
    if found and 2 * known >= len(found) and not looks_like_data(found):
        shown = show_headers(found)
    what = schema.label(required).lower()
    return SchemaError(
        f"No column of '{name}' holds the {what}. Found: {shown}.",
        hint=f"say which one does: {how_to_choose(required, 'Its header')}.",
    )


def _likely_headers(lines: Sequence[str]) -> Sequence[str]:
    rows = ([cells for _, cells in islice(_rows(lines, d), HEADER_WITHIN)] for d in DELIMITERS)
    return max((cells for table in rows for cells in table), key=len, default=[])


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(iter(lines), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells]
    except csv.Error:
        return


def checked(encoding: str) -> str:
    """Give the codec of that name.

    Raises:
        ArgumentError: There is none, or it is none for text.
    """
    try:
        # Tried out: Python has codecs between bytes, and of host names, under the same roof.
        codecs.getincrementaldecoder(encoding)(errors="replace").decode(b"Status", final=True).casefold()
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError, AssertionError):
        raise ArgumentError(
            f"'{encoding}' is no text encoding.", hint="use a name such as utf-8, gb18030, utf-16 or cp1252."
        ) from None


def find_encoding(head: bytes, name: str, lines: Iterable[bytes] | None = None) -> str:
    """Decide between UTF-8, UTF-16 and GB18030.

    Args:
        head: The first bytes of the file.
        name: What the file is called in a message.
        lines: All lines of the file, when its head was not enough.

    Raises:
        SourceError: It is none of them.
    """
    marked = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if marked or (marked := looks_like_utf16(head)):
        return marked
    total = good = bad = 0
    odd = bytearray()
    for line in lines if lines is not None else head.splitlines()[: -1 if len(head) == _HEAD else None]:
        total += 1
        if line.isascii():
            continue
        if _is_utf8(line):
            good += 1
        else:
            bad += 1
            odd += line[: max(0, _HEAD - len(odd))]
    few = bad <= total * _FEW
    if bad <= good:
        return "utf-8"
    if _is_chinese(bytes(odd), least=_ENOUGH if few else 1):
        return "gb18030"
    if few:
        return "utf-8"
    raise SourceError(
        f"'{name}' is written neither in UTF-8 nor in UTF-16 nor in GB18030.",
        hint="name its encoding (encoding='cp1252', or --encoding cp1252), or save it as UTF-8.",
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(text: bytes, least: int) -> bool:
    """Tell GB18030 from Western 8-bit text, which GB18030 decodes into rare characters."""
    decoded = text.decode("gb18030", errors="replace")
    wide = [c for c in decoded if ord(c) > 0x7F]
    common = sum(1 for c in wide if _is_common(c.encode("gb18030", errors="replace")))
    broken = wide[:-1].count("\ufffd")
    return len(wide) >= least and broken <= 1 + len(wide) // 100 and common >= len(wide) * _COMMON_HANZI


def _is_common(code: bytes) -> bool:
    """Say whether chance would hardly write it: four bytes in pattern, or two of the first standard, GB 2312."""
    return len(code) == 4 or min(code) >= 0xA1


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file for reading line by line; a byte that does not decode becomes a lone surrogate."""
    return path.open("r", encoding=encoding, errors=_MARK_BROKEN, newline="")


codecs.register_error(_MARK_BROKEN, lambda error: ("\udcff", getattr(error, "end", 0)))


def find_signs(path: Path, signs: Iterable[str]) -> frozenset[str]:
    """Say which of some characters a UTF-8 file may hold where they matter: by their first byte alone."""
    leads = {sign: sign.encode()[:1] for sign in signs if sign not in " \n"}
    found: set[str] = set()
    quoted = False
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            quoted = quoted or b'"' in chunk
            found |= {sign for sign, lead in leads.items() if sign not in found and lead in chunk}
    # A line break can only stand inside of a quoted cell.
    return frozenset(found | {"\n"} if quoted else found)


def count_lines(path: Path) -> int:
    """Count the lines that end in a line feed, and a last one that does not end."""
    count, last = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")
