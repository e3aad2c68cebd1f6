"""Find the encoding of a text file from its byte order mark, its header and its bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import polars as pl

from invitekit.errors import ArgumentError, Choice, SourceError
from invitekit.i18n import Message, _
from invitekit.model import schema

HEAD = 1 << 18
"""Bytes at the beginning of a file that are examined."""
_BLOCK = 1 << 22
HEADER_WITHIN = 20
"""Rows to search for the header: an export may have a title above it."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Byte order marks, the longer ones first: that of UTF-32 begins with that of UTF-16."""
_COMMON_HANZI = 0.6
_USUAL = frozenset(
    "的一是在有人中大国上公司科技限份股集团信息网络云数据智能电子商务贸易北京海深圳广州杭南东江山天华新安金文化教育医疗工业"
    "服管理发展投资建设际心分示例测试客户王李张刘陈杨赵黄周吴徐孙马朱胡郭何高阿里巴小明"
)
"""Characters of names of companies and people, without those that wrongly decoded text often produces."""
_FEW_USUAL = 0.15
_SURELY_HEADERS = 3
"""A line with this many known headers is certainly a header."""
_SCRIPTS = {
    "euc_kr": "[\uac00-\ud7a3]",
    "euc_jp": "[\u3040-\u30ff\u4e00-\u9fff]",
    "shift_jis": "[\u3040-\u30ff\u4e00-\u9fff]",
    "big5": "[\u4e00-\u9fff]",
    "cp1251": "[\u0430-\u045f]|(?<![\u0400-\u04ff])[\u0400-\u042f]",
    "cp1256": "[\u0600-\u06ff]",
}
"""The letters of each encoding, the more distinctive ones first."""
_USUAL_CODECS = ("cp1252", "cp1250", "cp1251", "mac_roman", "gb18030", "big5")
"""Encodings to offer if none can be detected."""
_KANA = re.compile("[\u3040-\u30ff]")
_WORDS = re.compile(rb"[\x80-\xff]{3,}")
_EIGHT_BITS = bytes(range(0x80, 0x100))
_SEVEN_BITS = {"hz": re.compile(rb"~\{(?:[!-w][!-~])+~\}"), "iso2022_jp": re.compile(rb"\x1b\$[@B]")}
"""Seven-bit encodings, by the escape sequence that switches to Chinese or Japanese."""
_LATIN = "--encoding cp1252 for Western Europe, cp1250 for Central Europe, cp1254 for Turkey, mac_roman for a Mac"
_FEW = 0.1
"""The largest share of lines that may be broken (they are rejected), or differ in a file of plain ASCII."""
_MIN_CHINESE = 4
"""The fewest Chinese characters of a file that is read as GB18030."""
_BREAKS = b"\n,;\t"
_BETWEEN = re.compile(r"[,;|:\"{}\[\]\t\r\n]")
"""Characters between the headers of delimited text and the keys of JSON."""


def checked(encoding: str) -> str:
    """Return the codec of that name; raise an ``ArgumentError`` if there is none, or if it is not a text encoding."""
    try:
        # Tried on a text: Python also has codecs from bytes to bytes, and for host names.
        codecs.getincrementaldecoder(encoding)(errors="replace").decode(
            "Status".encode(encoding), final=True
        ).casefold()
        return codecs.lookup(encoding).name
    except (LookupError, TypeError, ValueError, AssertionError):
        raise ArgumentError(
            _("'{encoding}' is not a text encoding.", encoding=encoding),
            hint=_("use a name such as utf-8, gb18030, utf-16 or cp1252."),
        ) from None


def encoding_of_file(path: Path, chosen: str | None = None) -> str:
    """Return the encoding that the user chose, else detect it from the whole file.

    With the choice of UTF-16, the byte order is detected. Raises ``ArgumentError`` and ``SourceError`` as ``checked``
    and ``find_encoding`` do.
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
        # A character of several bytes may go on in the next block.
        end = len(block.rstrip(_EIGHT_BITS))
        try:
            if not block.isascii():
                # Ten times as quick as bytes.decode.
                pl.Series([block[:end]], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.ComputeError:
            return False
        rest = block[end:]
    return _decodes(rest, "utf-8")


def find_encoding(head: bytes, name: str, lines: Iterable[bytes] | None = None) -> str:
    """Decide between UTF-8, UTF-16 and GB18030 by the first bytes of a file, and by all its lines if these are given.

    Raises:
        SourceError: The file has another encoding.
    """
    marked = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if marked or (marked := looks_like_utf16(head)):
        return marked
    _check_not_seven_bit(head, name)
    total = good = bad = room = 0
    odd: list[bytes] = []
    for line in lines if lines is not None else head.splitlines()[: -1 if len(head) == HEAD else None]:
        total += 1
        if line.isascii():
            continue
        # A header that names a column of the schema when it is read as GB18030, and none when it is read as UTF-8.
        if total <= HEADER_WITHIN and _names_a_column(line, "gb18030") and not _names_a_column(line, "utf-8"):
            return "gb18030"
        if _decodes(line, "utf-8"):
            good += 1
        else:
            bad += 1
            if room < HEAD:
                odd.append(line[:HEAD])
                room += len(odd[-1])
    return "utf-8" if bad <= good else _eight_bit_encoding(odd, head, name, few=bad <= total * _FEW)


def _eight_bit_encoding(lines: list[bytes], head: bytes, name: str, *, few: bool) -> str:
    """Decide between GB18030 and other encodings by the lines that are not UTF-8; a few of them may be broken."""
    other = _other_encoding(lines)
    if _is_chinese(lines, least=_MIN_CHINESE if few else 1):
        if other:
            _check_chinese_is_usual(lines, head, other, name)
        return "gb18030"
    if few:
        return "utf-8"
    # The same bytes are valid in all of these: only the user knows which is right.
    named = f"encoding='{other}', or --encoding {other}" if other else _LATIN
    raise SourceError(
        _("'{name}' is written neither in UTF-8 nor in UTF-16 nor in GB18030.", name=name),
        hint=_("name its encoding ({known}), or save it as UTF-8.", known=named),
        choice=Choice("encoding", name, tuple(dict.fromkeys((other or _USUAL_CODECS[0], *_USUAL_CODECS)))),
    )


def _check_not_seven_bit(head: bytes, name: str) -> None:
    if encoding := next((codec for codec, sign in _SEVEN_BITS.items() if sign.search(head)), None):
        raise SourceError(
            _("'{name}' seems to be written in {found}.", name=name, found=encoding),
            hint=_(
                "name its encoding (encoding='{found}', or --encoding {found}), or save it as UTF-8.", found=encoding
            ),
            choice=Choice("encoding", name, (encoding,)),
        )


def _other_encoding(lines: list[bytes]) -> str | None:
    """Return the encoding in which nearly all non-ASCII letters belong to its script, or None."""
    # Letters with accents are isolated between ASCII letters; other scripts form whole words.
    joined = b"\n".join(lines)
    if sum(map(len, _WORDS.findall(joined))) * 2 < len(joined) - len(joined.translate(None, _EIGHT_BITS)):
        return None
    for codec, script in _SCRIPTS.items():
        try:
            text = joined.decode(codec)
        except UnicodeDecodeError:
            continue
        letters = sum(1 for c in text if ord(c) > 0x7F)
        of_script = len(re.findall(script, text))
        # Japanese is recognised by its kana: Chinese text has the other characters, too.
        kana = 0.1 if codec in ("euc_jp", "shift_jis") else 0.0
        if letters and of_script >= 0.8 * letters and len(_KANA.findall(text)) >= kana * letters:
            return codec
    return None


def _check_chinese_is_usual(lines: list[bytes], head: bytes, other: str, name: str) -> None:
    """Check that text that also fits another encoding has common Chinese characters when it is read as GB18030."""
    wide = [c for c in b"".join(lines).decode("gb18030", "replace") if ord(c) > 0x7F]
    if sum(c in _USUAL for c in wide) < len(wide) * _FEW_USUAL:
        raise SourceError(
            _two_encodings(name, head, other),
            hint=_(
                "say which one it is: encoding='{other}' or 'gb18030' (--encoding {other}, --encoding gb18030).",
                other=other,
            ),
            choice=Choice("encoding", name, (other, "gb18030")),
        )


def _two_encodings(name: str, head: bytes, other: str) -> Message:
    """Return the message that both encodings fit; it quotes the first line only if that is a header."""
    line = head.splitlines()[0] if head else b""
    text = line.decode("ascii", "ignore").lstrip()
    headers = sum(1 for cell in _BETWEEN.split(text) if schema.canonical_name(cell))
    # A line of JSON or HTML has the values beside the names of their columns.
    if line.isascii() or text.startswith(("{", "[", "<")) or headers < _SURELY_HEADERS:
        return _("'{name}' can be read in two encodings, {other} and gb18030.", name=name, other=other)
    first, second = (line.decode(codec, "replace").strip()[:100] for codec in (other, "gb18030"))
    return _(
        "'{name}' can be read in two encodings, {other} and gb18030. Its header is '{first}' or '{second}'.",
        name=name, other=other, first=first, second=second,
    )  # fmt: skip


def looks_like_utf16(head: bytes) -> str | None:
    """Detect UTF-16 without a byte order mark, by the NUL byte of each ASCII character; None for other text."""
    if 0 not in head:
        return None
    sample = head[: len(head) // 2 * 2]
    # If cells were padded with NUL, the text is valid without it.
    without_nul = sample.translate(None, b"\0")
    even, odd = sample[0::2], sample[1::2]
    for codec, low, high in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
        some, others = high.count(0), low.count(0)
        # Headers, digits and separators are ASCII: at least a fifth of the characters, unless the text is Chinese.
        if some > len(low) * 0.2 and others < len(low) * 0.05:
            # Two adjacent Latin letters with accents look like one Chinese character; they are rare.
            return None if _is_chinese(without_nul.splitlines(), least=1 + some // 4) else codec
        if _has_wide_separators(low, high) and _decodes(sample, codec, final=False):
            padded = _decodes(without_nul, "utf-8", final=False) or _is_chinese(without_nul.splitlines(), least=1)
            return None if padded else codec
    return None


def _has_wide_separators(low: bytes, high: bytes) -> bool:
    """Return whether separators are two bytes long."""
    wide = sum(1 for a, b in zip(low, high, strict=True) if not b and a in _BREAKS)
    # In the high byte they would be rare characters: stray NULs would put half of the separators there.
    return wide >= 2 and 10 * sum(map(high.count, _BREAKS)) <= wide


def _decodes(text: bytes, codec: str, *, final: bool = True) -> bool:
    """Return whether bytes decode; unless they are final, the last character may be incomplete."""
    try:
        codecs.getincrementaldecoder(codec)().decode(text, final)
    except UnicodeDecodeError:
        return False
    return True


def _names_a_column(line: bytes, codec: str) -> bool:
    cells = _BETWEEN.split(line[:HEAD].decode(codec, "replace"))
    return any(not cell.isascii() and schema.canonical_name(cell) for cell in cells)


def _is_chinese(lines: list[bytes], least: int) -> bool:
    """Return whether lines are GB18030, and not Western text, which would decode into rare characters.

    A few lines may not decode at all.
    """
    sound = [line for line in lines if _decodes(line, "gb18030")]
    decoded = b"".join(sound or lines).decode("gb18030", errors="replace")
    wide = [c for c in decoded if ord(c) > 0x7F]
    codes = [c.encode("gb18030", "replace") for c in wide if c != "\ufffd"]
    # Common are characters of four bytes in GB18030, and those in its first version, GB 2312.
    common = sum(1 for code in codes if len(code) == 4 or min(code) >= 0xA1)
    broken = len(lines) - len(sound)
    return len(wide) >= least and broken <= 1 + len(lines) * _FEW and common >= len(wide) * _COMMON_HANZI
