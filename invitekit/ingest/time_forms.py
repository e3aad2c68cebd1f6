"""Formats of times: numbers, month names of many languages, clocks, offsets from UTC.

Polars parses the common formats, all cells at once; ``parse`` reads one text in any known format.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Order = Literal["day first", "month first"]
ShortOrder = Literal["day first", "month first", "year first"]
MOST_WEST, MOST_EAST = -12 * 60, 14 * 60
"""The smallest and largest offset from UTC in use, in minutes."""
PLACEHOLDERS = frozenset({(0, 0, 0), (1, 1, 1), (1753, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 0),
                          (1900, 1, 1), (1904, 1, 1), (1969, 12, 31), (1970, 1, 1), (9999, 12, 31)})  # fmt: skip
"""Days that systems write instead of an empty cell."""
LAST_DAYS = frozenset({(2999, 12, 31), (9999, 12, 31)})
"""Days that systems write for "never expires"."""

SHORT_YEAR = "with a two-digit year, day, month or year could come first"
SEVERAL_ZONES = "the time zone's abbreviation means several zones, or none"
SEVERAL_MONTHS = "the month's name means different months in different languages"
UNKNOWN_WORD = "a word is not a known month, day of the week or time zone"
NO_SUCH_OFFSET = "no place has this offset from UTC"
NO_SUCH_DATE = "no such day or time of day"
NO_SUCH_YEAR = "the year is before 2000 or after 2099"
NUMBER = "the number is neither a date nor a Unix time"
INCOMPLETE = "day, month or year is missing"
NOTHING_KNOWN = "unknown format"

_DIGITS = "".join(chr(zero + digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for digit in range(10))
_CHARACTERS = str.maketrans(
    dict.fromkeys("\0\u200b\u2060\ufeff", " ")
    | dict.fromkeys("\xad\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "")
    | dict(zip(_DIGITS, "0123456789" * 5, strict=True))
    | {"−": "-", "–": "-", "،": ",", "、": ","}
)
"""Replacements for invisible spaces, for direction marks and joiners in dates of some systems, and for other digits."""
_UNITS = str.maketrans({**dict.fromkeys("年년月월", "-"), **dict.fromkeys("日号號일秒초", " "),
                        **dict.fromkeys("时時点點시分분", ":")})  # fmt: skip
_ZONES = {"z": 0, "utc": 0, "gmt": 0, "ut": 0, "cet": 1, "cest": 2, "eet": 2, "eest": 3, "hkt": 8, "sgt": 8, "jst": 9,
          "edt": -4, "pdt": -7}  # fmt: skip
"""Unambiguous abbreviations, with their offset in hours. CST, IST, EST, PST and BST are ambiguous."""
_MAX_LENGTH = 100
"""The most characters of a time."""
_WORD = re.compile(r"[^\W\d_][^\d\s.,:/()\[\]+-]*")
_CJK = re.compile("[\u3040-\u9fff\uac00-\ud7af]")
_CJK_WEEKDAY = re.compile(r"\([月火水木金土日一二三四五六]\)")
_SHORT_CJK_YEAR = re.compile(r"(?<!\d)(\d\d)(?=[年년])")
_REWRITES = tuple((needed, re.compile(pattern), put) for needed, pattern, put in (
    (",", r",(?!\d)|(?<!:\d\d),", " "),
    # The name of a zone after an offset adds nothing.
    (")", r"(z|[+-]\d\d:?\d\d) ?\([^)]*\)$", r"\1"),
    ("]", r"(z|[+-]\d\d:?\d\d) ?\[[^]]*\]$", r"\1"),
    (":", r"(:\d\d(?:\.\d+)? ?[+-]\d\d:?\d\d) [a-z]{3,5}$", r"\1"),
    ("(", r"[()]", " "),
    ("'", r"'(?=\d)|\bd'(?=[^\W\d])", " "),
    ("’", r"\bd’(?=[^\W\d])", ""),
    ("t", r"\b(?:utc|gmt|ut) ?([+-]) ?(\d)(?=:|$| )", r" \g<1>0\2"),
    ("t", r"\b(?:utc|gmt|ut) ?([+-]) ?(\d\d)", r" \1\2"),
    (".", r"\b([^\W\d_])\. ?([^\W\d_])\b\.?", r"\1\2"),
    (" m", r"\b([ap]) m\b", r"\1m"),
    (" m. ", r"(?<=\d{4}) m\. ", " "),
    ("a la", r"\ba las? ", " "),
    ("z", r"(?<=\d) ?z$", " +00:00"),
    ("t", r"(?<=\d)t(?=\d)", " "),
    ("20", r"^(20\d\d)(\d\d)(\d\d)(?=$|[ +-])", r"\1-\2-\3"),
    ("20", r"^(20\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?!\d)", r"\1-\2-\3 \4:\5:\6"),
    ("20", r"^(\d{4}-\d\d-\d\d) (\d\d)(\d\d)(\d\d)?(?=$|[z. +-])", r"\1 \2:\3:\4"),
    (".", r"^(\d{4}-\d\d-\d\d)-(?=\d\d\.\d\d\.\d\d)", r"\1 "),
    (":", r"(?<=\d{4}):(?=\d\d:)", " "),
    ("h", r"(\d) ?h ?(\d)", r"\1:\2"),
    ("h", r"(\d) ?(?:h|uhr)$", r"\1:00"),
    (":", r" (\d{1,2}):$", r" \1:00"),
    # "mar" and "sen" are also days of the week: then the second name is the month.
    ("mar", r"^mar[. ]+(\d{1,2}[./ ]*(?:de )?[^\W\d_].*)$", r"\1"),
    ("sen", r"^sen[. ]+(\d{1,2}[./ ]*[^\W\d_].*)$", r"\1"),
    ("th", r"\b(?:tháng|thg) (\d{1,2})\b", r" m\1 "),
))  # fmt: skip
"""Replacements: a substring that any match contains (a quick test), the pattern, and its replacement."""
_AFTER_WORDS = tuple((needed, re.compile(pattern), put) for needed, pattern, put in (
    ("w", r"^w\b", " "),
    ("w", r"(?<!:\d\d) w(?= )", " "),
    ("w", r"^([^:]*) w *$", r"\1"),
    (":", r":+(?= |$|[+-])", " "),
    (":", r"^(\d{1,2}:\d\d(?::\d\d)?(?: [ap]m)?) ([^:]*\d)$", r"\2 \1"),
))  # fmt: skip
_CROATIAN = re.compile(r"\b(?:sij|velj|ožu|tra|svi|lipa?nj|srpa?nj|kol|ruj|stu|prosin(?:ac|ca))")
_POLISH_OR_CZECH = re.compile(
    r"\b(?:sty|lut|mar|kwi|maj|cze|lip(?:ca|iec)|sie|wrz|paź|gru|led|úno|bře|dub|kvě|čer|čvn|čvc|srp(?:en|na)|zář|říj|"
    r"listopadu|prosin(?:ec|ce))"
)
"""Month names that identify the language of a column."""
_MARK = r"(?:[-/.]| )+"
_CLOCK = (
    r"(?:(?P<before>am|pm) ?)?(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{1,2})(?:[:.](?P<second>\d{1,2})"
    r"(?:[.,:](?P<fraction>\d{1,9}))?)?)? ?(?P<after>am|pm)?"
)
_OFFSET = r"(?: ?(?P<offset>[+-]\d\d(?::?\d\d)?))?"
_REST = rf"(?:[. ]+(?:- )?{_CLOCK})?[. ]*{_OFFSET}[. ]*"
_ORDERS: Mapping[ShortOrder, tuple[tuple[int, int, int], str]] = {
    "day first": ((2, 1, 0), "28{0}11{0}2025"),
    "month first": ((2, 0, 1), "11{0}28{0}2025"),
    "year first": ((0, 1, 2), "2025{0}11{0}28"),
}
"""The positions of year, month and day, and an example."""
_YEAR = r"(?P<year>\d{4}|\d\d(?![.\d]))"
_SHAPES = tuple((form, re.compile(pattern, re.ASCII)) for form, pattern in (
    ("2025-11-28", rf"(?P<year>\d{{4}}){_MARK}m?(?P<month>\d{{1,2}}){_MARK}(?P<day>\d{{1,2}}){_REST}"),
    ("28 Nov 2025", rf"(?P<day>\d{{1,2}}){_MARK}m(?P<month>\d+){_MARK}{_YEAR}{_REST}"),
    ("Nov 28, 2025", rf"m(?P<month>\d+){_MARK}(?P<day>\d{{1,2}}){_MARK}{_YEAR}{_REST}"),
    ("Nov 28, 2025", rf"m(?P<month>\d+){_MARK}(?P<day>\d{{1,2}}) {_CLOCK}{_OFFSET} (?P<year>\d{{4}})"),
    ("", rf"(?P<day>\d{{1,2}})(?P<mark>{_MARK})(?P<month>\d{{1,2}}){_MARK}(?P<year>\d{{4}}|\d{{1,2}}){_REST}"),
))  # fmt: skip


_POSSIBLE_OFFSET = "(?:[+](?:0[0-9]|1[0-3]):?[0-5][0-9]|[+]14:?00|-(?:0[0-9]|1[01]):?[0-5][0-9]|-12:?00)"
_DIRECTIVES = {"%Y": r"\d{4}", "%m": r"\d{1,2}", "%d": r"\d{1,2}", "%H": r"\d{1,2}", "%M": r"[0-5]?\d",
               "%S": r"[0-5]?\d", "%z": _POSSIBLE_OFFSET}  # fmt: skip


class Form(NamedTuple):
    """A common form of a time: an example, its pattern, and its format for Polars."""

    example: str
    pattern: str
    format: str
    has_offset: bool


def _form(example: str, format: str) -> Form:  # noqa: A002 - the name that Polars uses
    pattern = re.escape(format)
    for directive, digits in _DIRECTIVES.items():
        pattern = pattern.replace(re.escape(directive), digits)
    return Form(example, f"^{pattern}$", format, format.endswith(("%z", "Z")))


_CLOCKS = (("", ""), (" 09:30", " %H:%M"), (" 09:30:15", " %H:%M:%S"))


def _forms(day: str, format: str) -> tuple[Form, ...]:  # noqa: A002 - as above
    return tuple(_form(day + example, format + clock) for example, clock in _CLOCKS)


FORMS = (
    *_forms("2025-11-28", "%Y-%m-%d"),
    *_forms("2025/11/28", "%Y/%m/%d"),
    *_forms("28.11.2025", "%d.%m.%Y"),
    _form("2025-11-28 09:30:15", "%Y-%m-%dT%H:%M:%S"),
    _form("2025-11-28 09:30:15Z", "%Y-%m-%dT%H:%M:%SZ"),
    _form("2025-11-28 09:30:15+08:00", "%Y-%m-%dT%H:%M:%S%z"),
    _form("2025-11-28 09:30:15+08:00", "%Y-%m-%d %H:%M:%S%z"),
)
"""Common forms that have one meaning only."""
ORDERED_FORMS: Mapping[Order, tuple[Form, ...]] = {
    "day first": _forms("28/11/2025", "%d/%m/%Y"),
    "month first": _forms("11/28/2025", "%m/%d/%Y"),
}
"""Common forms that need the order of day and month of their column."""


@dataclass(frozen=True, slots=True)
class Written:
    """A parsed time: three numbers, a clock and an offset.

    Attributes:
        numbers: Year, month and day; if their order is unknown, as they are written.
        mark: The separator of numbers whose order is unknown; else None.
        short: The possible orders if the year has two digits; else empty.
        clock: Hour, minute, second, microsecond.
        offset: Minutes from UTC, or None.
        form: An example of the form; without the date if the order is unknown.
    """

    numbers: tuple[int, int, int]
    mark: str | None
    short: tuple[ShortOrder, ...]
    clock: tuple[int, int, int, int]
    offset: int | None
    form: str

    def in_order(self, order: ShortOrder) -> Written:
        """Return the time with its numbers in the order of its column."""
        positions, example = _ORDERS[order]
        year, month, day = (self.numbers[position] for position in positions)
        if self.short:
            year, example = year + 2000, example.replace("2025", "25")
        return Written((year, month, day), None, (), self.clock, self.offset, example.format(self.mark) + self.form)


@cache
def _words() -> tuple[dict[str, str], re.Pattern[str], frozenset[str]]:
    """Return the symbol of each word, the pattern of words without spaces around them, and the words for never."""
    table = tomllib.loads(files("invitekit.ingest").joinpath("time_words.toml").read_text(encoding="utf-8"))
    words = {name: [_folded(word) for word in text.split("|")] for name, text in table.items()}
    signs = {f"month_{number}": f"m{number}" for number in range(1, 13)}
    signs |= {f"croatian_{number}": f"mx{number}" for number in (6, 7, 10)}
    signs |= {"am": "am", "pm": "pm", "weekday": "w", "filler": ""}
    sign_of = {word: f" {sign} " for name, sign in signs.items() for word in words[name]}
    sign_of |= {name: f" {hours:+03}:00 " for name, hours in _ZONES.items()}
    apart = (word for word in sign_of if " " in word or _CJK.search(word) or ("." in word and not word.isascii()))
    phrases = sorted(apart, key=len, reverse=True)
    return sign_of, re.compile("|".join(map(re.escape, phrases))), frozenset(words["never"])


def _folded(text: str) -> str:
    if not text.isascii() or "\0" in text:
        text = unicodedata.normalize("NFKC", text).translate(_CHARACTERS)
    return " ".join(text.casefold().split())


def is_never(text: str) -> bool:
    """Return whether a text means "never expires"."""
    return _folded(text).strip(" .!") in _words()[2]


def plain(text: str) -> str:
    """Rewrite a text with symbols for known words; an unknown word stays.

    ``m3`` is March, ``mx10`` October in Croatian and November in Polish and Czech, ``w`` a day of the week, ``am`` and
    ``pm`` are the halves of a day; offsets are ``+08:00``.
    """
    text = _folded(text)
    if not text.isascii():
        sign_of, phrases, _ = _words()
        text = _SHORT_CJK_YEAR.sub(r"20\1", _CJK_WEEKDAY.sub(" ", text))
        text = " ".join(phrases.sub(lambda match: sign_of[match[0]], text).translate(_UNITS).split())
    text = _rewritten(text, _REWRITES)
    if _WORD.search(text):
        sign_of = _words()[0]
        text = _WORD.sub(lambda match: sign_of.get(match[0], match[0]), text)
    return _rewritten(" ".join(text.split()), _AFTER_WORDS)


def _rewritten(text: str, rules: Iterable[tuple[str, re.Pattern[str], str]]) -> str:
    for needed, pattern, put in rules:
        if needed in text:
            text = pattern.sub(put, text)
    return " ".join(text.split())


def months_later(text: str) -> set[int]:
    """Return the language of the month name in a text: 0 for Croatian, 1 for Polish or Czech."""
    names = enumerate((_CROATIAN, _POLISH_OR_CZECH))
    return {later for later, name in names if name.search(_folded(text))}


def parse(text: str, later: int | None = None) -> Written | str:
    """Read one text, or return what is wrong with it.

    Args:
        text: The text.
        later: What ``months_later`` returns for its column: an ambiguous name is the Croatian month, or the next one.
    """
    if len(text) > _MAX_LENGTH:
        return NOTHING_KNOWN
    rewritten = plain(text)
    if later is not None:
        rewritten = re.sub(r"\bmx(\d+)", lambda match: f"m{int(match[1]) + later}", rewritten)
    for form, pattern in _SHAPES:
        if match := pattern.fullmatch(rewritten):
            return _written(form, match.groupdict())
    return _problem(rewritten)


def _written(form: str, parts: dict[str, str | None]) -> Written | str:
    hour, minute, second, fraction = (parts[name] for name in ("hour", "minute", "second", "fraction"))
    half, offset = parts["before"] or parts["after"], parts["offset"]
    if (hour and not minute and not half) or (offset and not hour and len(offset) == len("+08")):
        return NOTHING_KNOWN
    clock = (_hour(int(hour or 0), half), int(minute or 0), int(second or 0), int((fraction or "0")[:6].ljust(6, "0")))
    minutes = _minutes(offset) if offset else None
    if minutes is not None and not MOST_WEST <= minutes <= MOST_EAST:
        return NO_SUCH_OFFSET
    year, month, day = (parts[name] or "" for name in ("year", "month", "day"))
    form += (" 09:30" + ":15" * bool(second) + ".123" * bool(fraction) + " AM" * bool(half)) * bool(hour)
    form += "+08:00" * bool(offset)
    mark, is_short = parts.get("mark"), len(year) <= len("26")
    numbers = (int(year) + 2000 * is_short, int(month), int(day))
    if mark is None:
        return Written(numbers, None, (), clock, minutes, form)
    written = Written((int(day), int(month), int(year)), mark.strip() or mark, (), clock, minutes, form)
    if is_short:
        orders = _short_orders((day, month, year), written.mark)
        return replace(written, short=orders) if orders else NO_SUCH_DATE
    # With dots and a year of four digits, the day comes first.
    return written.in_order("day first") if "." in mark else written


def _short_orders(texts: tuple[str, str, str], mark: str | None) -> tuple[ShortOrder, ...]:
    """Return the orders in which three short numbers are a date; with dots, the month never comes first."""
    possible: list[ShortOrder] = []
    for order, (positions, _) in _ORDERS.items():
        year, month, day = (texts[position] for position in positions)
        is_date = len(year) == len("26") and 1 <= int(month) <= 12 and 1 <= int(day) <= 31
        if is_date and not (order == "month first" and "." in (mark or "")):
            possible.append(order)
    return tuple(possible)


def _hour(hour: int, half: str | None) -> int:
    """Return the hour on a 24-hour clock; -1 for an hour that is not on a 12-hour clock."""
    if half is None:
        return hour
    return hour % 12 + 12 * (half == "pm") if hour <= 12 else -1


def _minutes(offset: str) -> int:
    """Return an offset such as +08:00 in minutes; with 60 minutes or more it is out of range."""
    hours, minutes = int(offset[1:3]), int(offset[3:].strip(":") or 0)
    return (60 * hours + minutes) * (-1 if offset[0] == "-" else 1) if minutes < 60 else MOST_EAST + 1


def _problem(text: str) -> str:
    words = [word for word in _WORD.findall(text) if word not in ("am", "pm", "w", "m")]
    if re.fullmatch(r"\d+(?:\.\d+)?(?:e[+]?\d+)?", text):
        return NUMBER
    if words and re.search(r":\d\d(?: [ap]m)? [^\W\d_]{2,5}(?: \d{4})?$", text):
        return SEVERAL_ZONES
    if "mx" in words:
        return SEVERAL_MONTHS
    if words:
        return UNKNOWN_WORD if re.search(r"\d", text) else NOTHING_KNOWN
    numbers = re.findall(r"\d+", re.sub(r"\d+:[\d:.]+", "", text))
    return INCOMPLETE if len(numbers) <= len("dm") else NOTHING_KNOWN
