"""Find out how a text file is laid out: its delimiter, and where its header stands."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from invitekit.errors import SchemaError
from invitekit.load.encoding import HEAD, HEADER_WITHIN, choose_encoding
from invitekit.load.headers import how_to_choose, looks_like_data, show_headers
from invitekit.model import schema

DELIMITERS = (",", ";", "\t", "|")
WHITE = tuple(map(chr, (0, 9, 10, 11, 12, 13, 32, 0x00A0, 0x200B, 0x2060, 0x3000, 0xFEFF)))
"""White and invisible characters that are no part of a cell when they stand at its ends."""
_MARK_BROKEN = "invitekit.mark"
_CHUNK = 1 << 18
"""Bytes that a processor keeps at hand while they are looked at several times."""


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
        head = file.read(HEAD)
    codec = choose_encoding(wishes.encoding, head, path.name)
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


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file for reading line by line; a byte that does not decode becomes a lone surrogate."""
    return path.open("r", encoding=encoding, errors=_MARK_BROKEN, newline="")


codecs.register_error(_MARK_BROKEN, lambda error: ("\udcff", getattr(error, "end", 0)))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look at every byte of a UTF-8 file tells.

    Attributes:
        lines: Those that end in a line feed, and a last one that does not end.
        signs: Of those asked for, the ones that it holds.
    """

    lines: int
    signs: frozenset[str]


def likely_signs(head: bytes, signs: frozenset[str]) -> frozenset[str]:
    """Say which of some characters UTF-8 text may hold where they matter: by their first byte alone."""
    return frozenset(sign for sign in signs if _lead(sign) in head)


def _lead(sign: str) -> bytes:
    # A line break can only stand inside of a quoted cell.
    return b'"' if sign == "\n" else sign.encode()[:1]


def survey(path: Path, signs: frozenset[str]) -> Survey:
    """Count the lines of a UTF-8 file and say which of some characters it holds; quick where they are rare."""
    missing: dict[bytes, set[str]] = {}
    for sign in signs:
        missing.setdefault(_lead(sign), set()).add(sign)
    found: set[str] = set()
    lines, last = 0, b"\n"
    with path.open("rb", buffering=0) as file:
        while read := file.read(_CHUNK):
            # Not read.count: that takes twice as long.
            lines += len(read) - len(read.replace(b"\n", b""))
            chunk = last + read  # a character may be cut
            last = chunk[-2:]
            for lead in [lead for lead in missing if lead in chunk]:
                found |= _held(chunk, lead, missing[lead])
                missing[lead] -= found
            missing = {lead: left for lead, left in missing.items() if left}
    return Survey(lines + (not last.endswith(b"\n")), frozenset(found))


def _held(chunk: bytes, lead: bytes, signs: set[str]) -> set[str]:
    followed = {part[:2] for part in chunk.split(lead)[1:]}
    return {sign for sign in signs if any(f.startswith(sign.encode()[1:]) for f in followed)}
