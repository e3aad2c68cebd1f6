"""Find the encoding of a text file from its byte order mark, its header and its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import polars as pl

from invitekit.errors import ArgumentError, SourceError
from invitekit.model import schema

HEAD = 1 << 18
"""Bytes at the beginning of a file that are looked at."""
_BLOCK = 1 << 22
HEADER_WITHIN = 20
"""Rows that are searched for the header: an export may have a title above it."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""The longer one first: the mark of UTF-32 begins with that of UTF-16."""
_COMMON_HANZI = 0.6
_FEW = 0.1
"""Share of lines that may be broken (they are rejected), or foreign in a file of plain ASCII."""
_ENOUGH = 4
"""Characters that such a file must hold to be read as GB18030."""
_BREAKS = b"\n,;\t"
_BETWEEN = re.compile(r"[,;|:\"{}\[\]\t\r\n]")
"""Characters between the headers of delimited text and the keys of JSON."""


def checked(encoding: str) -> str:
    """Return the codec of that name.

    Raises:
        ArgumentError: There is none, or it is none for text.
    """
    try:
        # Tried out: Python has codecs between bytes, and of host names, under the same roof.
        codecs.getincrementaldecoder(encoding)(errors="replace").decode(
            "Status".encode(encoding), final=True
        ).casefold()
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError, AssertionError):
        raise ArgumentError(
            f"'{encoding}' is no text encoding.", hint="use a name such as utf-8, gb18030, utf-16 or cp1252."
        ) from None


def encoding_of_file(path: Path, chosen: str | None = None) -> str:
    """Return the encoding that the user chose, else the one that the whole file shows.

    Args:
        path: The file.
        chosen: The user's choice. UTF-16 without a byte order mark still lacks its byte order: it is detected.

    Raises:
        ArgumentError: The user's choice is no encoding.
        SourceError: None was chosen, and it is none of those that can be told apart.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if chosen is not None:
            codec = checked(chosen)
            if codec == "utf-16" and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return looks_like_utf16(head) or "utf-16-le"
            return codec
        encoding = find_encoding(head, path.name)
        if encoding != "utf-8" or _is_utf8(file):
            return encoding
        file.seek(0)
        return find_encoding(b"", path.name, file)


def _is_utf8(file: BinaryIO) -> bool:
    """Return whether all bytes of a file decode as UTF-8."""
    file.seek(0)
    rest = b""
    while block := file.read(_BLOCK):
        block = rest + block
        end = _last_boundary(block)
        if not (block.isascii() or _is_valid(block[:end])):
            return False
        rest = block[end:]
    return not rest


def _last_boundary(block: bytes) -> int:
    """Return where the last character begins if it may be cut, else the end."""
    for back, byte in enumerate(reversed(block[-4:]), start=1):
        if byte >= 0xC0:
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return len(block) - back * (back < length)
        if byte < 0x80:
            break
    return len(block)


def _is_valid(block: bytes) -> bool:
    # Ten times as quick as bytes.decode.
    try:
        pl.Series([block], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True


def find_encoding(head: bytes, name: str, lines: Iterable[bytes] | None = None) -> str:
    """Decide between UTF-8, UTF-16 and GB18030.

    Args:
        head: The first bytes of the file.
        name: The file's name in a message.
        lines: All lines of the file, when its head was not enough.

    Raises:
        SourceError: It is none of them.
    """
    marked = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if marked or (marked := looks_like_utf16(head)):
        return marked
    total = good = bad = room = 0
    odd: list[bytes] = []
    for line in lines if lines is not None else head.splitlines()[: -1 if len(head) == HEAD else None]:
        total += 1
        if line.isascii():
            continue
        if total <= HEADER_WITHIN and _is_chinese_header(line[:HEAD]):
            return "gb18030"
        if _decodes(line, "utf-8"):
            good += 1
        else:
            bad += 1
            if room < HEAD:
                odd.append(line[:HEAD])
                room += len(odd[-1])
    few = bad <= total * _FEW
    if bad <= good:
        return "utf-8"
    if _is_chinese(odd, least=_ENOUGH if few else 1):
        return "gb18030"
    if few:
        return "utf-8"
    raise SourceError(
        f"'{name}' is written neither in UTF-8 nor in UTF-16 nor in GB18030.",
        hint="name its encoding (encoding='cp1252', or --encoding cp1252), or save it as UTF-8.",
    )


def looks_like_utf16(head: bytes) -> str | None:
    """Return the byte order of UTF-16 text without a mark, or None: each ASCII character in it has a NUL byte."""
    if 0 not in head:
        return None
    sample = head[: len(head) // 2 * 2]
    # Where cells were padded with NUL, the text is whole without it.
    bare = sample.translate(None, b"\0")
    even, odd = sample[0::2], sample[1::2]
    for codec, low, high in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        some, others = high.count(0), low.count(0)
        # Headers, digits and separators are ASCII: at least a fifth of the units, where the text is not Chinese.
        if some > len(low) * 0.2 and others < len(low) * 0.05:
            # Two Latin letters with accents side by side look like one of GB18030; they are rare.
            return None if _is_chinese(bare.splitlines(), least=1 + some // 4) else codec
        if _is_set_apart(low, high) and _decodes(sample, codec, final=False):
            padded = _decodes(bare, "utf-8", final=False) or _is_chinese(bare.splitlines(), least=1)
            return None if padded else codec
    return None


def _is_set_apart(low: bytes, high: bytes) -> bool:
    """Return whether separators are written in two bytes."""
    wide = sum(1 for a, b in zip(low, high, strict=True) if not b and a in _BREAKS)
    # In the other half of a unit they would be rare characters: where NULs are strays, half of them stand there.
    return wide >= 2 and 10 * sum(map(high.count, _BREAKS)) <= wide


def _decodes(text: bytes, codec: str, *, final: bool = True) -> bool:
    """Return whether bytes are text; unless they are final, their last character may be cut."""
    try:
        codecs.getincrementaldecoder(codec)().decode(text, final)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese_header(line: bytes) -> bool:
    """Return whether a line names a schema column in GB18030 and none in UTF-8."""
    return _names_a_column(line.decode("gb18030", "replace")) and not _names_a_column(line.decode("utf-8", "replace"))


def _names_a_column(line: str) -> bool:
    return any(not cell.isascii() and schema.canonical_name(cell) for cell in _BETWEEN.split(line))


def _is_chinese(lines: list[bytes], least: int) -> bool:
    """Return whether lines are GB18030 and not Western 8-bit text, which it decodes into rare characters.

    A few of them may not decode at all.
    """
    sound = [line for line in lines if _decodes(line, "gb18030")]
    decoded = b"".join(sound or lines).decode("gb18030", errors="replace")
    wide = [c for c in decoded if ord(c) > 0x7F]
    common = sum(1 for c in wide if c != "\ufffd" and _is_common(c.encode("gb18030", "replace")))
    broken = len(lines) - len(sound)
    return len(wide) >= least and broken <= 1 + len(lines) * _FEW and common >= len(wide) * _COMMON_HANZI


def _is_common(code: bytes) -> bool:
    """Return whether a character is no accident: four bytes in pattern, or two of the first standard, GB 2312."""
    return len(code) == 4 or min(code) >= 0xA1
