"""Read headers and words with more than one part: two languages, a required mark, a time zone, a remark."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import available_timezones

from invitekit.model import schema
from invitekit.model.schema import Meaning, header_key

_MARKS = frozenset(
    map(
        header_key,
        ("required", "optional", "mandatory", "必填", "必填项", "选填", "可选", "必选", "CST", "local time", "local",
         "当地时间", "本地时间"),
    )
)  # fmt: skip
"""Texts in brackets that do not change the meaning of a header; CST and local time are ambiguous time zones."""
_BRACKETS = re.compile(r"[(\[【〔]([^()\[\]【】〔〕]*)[)\]】〕]")
_DATE_FORM = re.compile(r"[ymdhs年月日时分秒./:\- ]+", re.IGNORECASE)
_STAR = " *•:"
_BETWEEN = re.compile(r"[/|\\\n\r;,、·]+|\s[-–—]\s")
_LETTERS = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+|[^\u3400-\u9fff\uf900-\ufaff]+")
"""Runs of Chinese letters, and of all others."""
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?|UTC|GMT", re.IGNORECASE)
_DAYS = re.compile(r"\d+\s*(?:days?|d|天|日)", re.IGNORECASE)
_SEE_CAUSE = map(header_key, ("see cause", "see reason", "see failure cause", "见原因", "见失败原因"))
_REMARKS = {*schema.vocabulary("invitation_method"), *schema.vocabulary("association_type"), *_SEE_CAUSE}
"""Folded texts that may be in brackets after a status."""
_MINUS = str.maketrans("−–", "--")
_ZONE_NAMES = {
    header_key(name): zone
    for zone, names in {
        "Asia/Shanghai": ("北京时间", "中国时间", "中国标准时间", "Beijing", "Beijing time", "China time",
                          "China standard time", "Shanghai time"),
        "Asia/Hong_Kong": ("香港时间", "Hong Kong time", "HKT"),
        "Asia/Singapore": ("新加坡时间", "Singapore time", "SGT"),
    }.items()
    for name in names
}  # fmt: skip
_FRACTIONAL_OFFSETS = {
    "+0330": "Asia/Tehran", "+0430": "Asia/Kabul", "+0530": "Asia/Kolkata", "+0545": "Asia/Kathmandu",
    "+0630": "Asia/Yangon", "+0930": "Australia/Darwin",
}  # fmt: skip
"""A zone without summer time for each offset that is not a whole number of hours."""
_PATH = re.compile(r"(\w+)\.(\w.*)")
"""A column of an object in JSON: ``customer.email``."""
_OF_THE_RECORD = frozenset(
    map(header_key, ("customer", "client", "invitee", "invitation", "invite", "record", "data", "item", "fields",
                     "properties", "attributes", "客户", "邀请"))
)  # fmt: skip
"""Objects that hold the columns of a record; in others, such as ``manager.email``, only the user can decide."""
_LAST_WORDS = re.compile(r"(.*?\S)[\s_,-]+([^\s_]+(?:\s+time)?)", re.IGNORECASE | re.DOTALL)
_MOST_WEST, _MOST_EAST = -12, 14


class Heading(NamedTuple):
    """The meaning of a header.

    Attributes:
        meanings: The columns that it may mean: none for an extra column, several if the values decide.
        zone: The time zone that it states, an IANA name.
        joined: The two columns that it joins, in their order.
    """

    meanings: tuple[Meaning, ...] = ()
    zone: str | None = None
    joined: tuple[str, str] | None = None


@lru_cache(maxsize=4096)
def heading(header: str) -> Heading:
    """Return the meaning of a header.

    A header in two languages, such as ``状态(Status)`` or ``Status/状态``, must have the same meaning in both. Brackets
    may contain a required mark, a date format or a time zone. With any other text in brackets, only the user can decide
    whether the header means its column.
    """
    if exact := schema.meanings(header):
        return Heading(exact)
    text = unicodedata.normalize("NFKC", header).strip(_STAR)
    zone, parts = None, []
    for inside in _BRACKETS.findall(text):
        if stated := _time_zone(inside):
            zone = stated
        elif header_key(inside) not in _MARKS and not _DATE_FORM.fullmatch(inside):
            parts.append(inside)
    text = _BRACKETS.sub(" ", text).strip(_STAR)
    read = _read_parts([text, *parts])
    if read is None and zone is None and (words := _LAST_WORDS.fullmatch(text)) and (zone := _time_zone(words[2])):
        read = _read_parts([words[1], *parts])
    if read is None and parts and (without := _read_parts([text])) is not None:
        # The brackets may make it another column: "Mobile (private)".
        read = _less_exact(without, schema.MAYBE)
    if read is None and not parts and (path := _PATH.fullmatch(text)):
        of_the_record = header_key(path[1]) in _OF_THE_RECORD
        read = _less_exact(heading(path[2]), schema.LOOSE if of_the_record else schema.MAYBE)
    return (read or Heading())._replace(zone=zone)


def _less_exact(read: Heading, exactness: int) -> Heading:
    """Return the same meaning, at most as exact as this."""
    meanings = tuple(m._replace(exactness=max(m.exactness, exactness)) for m in read.meanings)
    return read._replace(meanings=meanings, joined=None)


def word_code(text: str, words: Mapping[str, str]) -> str | None:
    """Return the canonical value of a word, or None if it is unknown.

    A word in two languages, such as ``已关联 Associated``, must have the same meaning in both. Brackets may contain a
    method, a type, a number of days, or a reference to the cause: ``已关联（代售）``.
    """
    if (code := words.get(header_key(text))) is not None:
        return code
    text = unicodedata.normalize("NFKC", text)
    inside = [part for part in _BRACKETS.findall(text) if header_key(part) not in _REMARKS]
    parts = [_BRACKETS.sub(" ", text), *(part for part in inside if not _DAYS.fullmatch(part.strip()))]
    codes = {
        words.get(header_key(piece)) for part in parts for piece in _pieces(part, lambda p: header_key(p) in words)
    }
    return codes.pop() if len(codes) == 1 else None


def _pieces(text: str, is_known: Callable[[str], object]) -> Iterator[str]:
    """Split a text that is unknown as a whole: at separators, then where the script changes."""
    if is_known(text):
        yield text
        return
    for piece in _BETWEEN.split(text):
        runs = _LETTERS.findall(piece)
        yield from (run for run in ([piece] if len(runs) == 1 or is_known(piece) else runs) if run.strip(_STAR))


def _read_parts(parts: list[str]) -> Heading | None:
    """Return the meaning of all parts of a header, or None if one part means no column or they differ."""
    read = []
    for piece in (piece for part in parts for piece in _pieces(part, schema.meanings)):
        if meanings := schema.meanings(piece.strip(_STAR)):
            read.append(meanings)
        elif header_key(piece) not in _MARKS:
            return None
    if not read:
        return None
    same = set.intersection(*({meaning.name for meaning in meanings} for meanings in read))
    if same:
        of_same = [meaning for meanings in read for meaning in meanings if meaning.name in same]
        return Heading(tuple(min(m for m in of_same if m.name == name) for name in sorted(same)))
    names = tuple(dict.fromkeys(meanings[0].name for meanings in read))
    if set(names) == {"email", "mobile"}:
        return Heading(schema.meanings(schema.CONTACT[0]))
    if set(names) in map(set, schema.JOINED):
        return Heading(joined=(names[0], names[1]))
    return None


def _time_zone(text: str) -> str | None:
    """Return the time zone that a text names: an offset from UTC, an IANA name, or a place such as Beijing."""
    text = text.strip().translate(_MINUS)
    if (zone := _ZONE_NAMES.get(header_key(text))) is not None:
        return zone
    if (offset := _OFFSET.fullmatch(text)) is None:
        return text if "/" in text and text in available_timezones() else None
    hours, minutes = int(f"{offset[1] or '+'}{offset[2] or 0}"), offset[3] or "00"
    if minutes != "00":
        return _FRACTIONAL_OFFSETS.get(f"{offset[1]}{abs(hours):02}{minutes}")
    # In the names of these zones, a plus sign means west of UTC.
    return ("UTC" if hours == 0 else f"Etc/GMT{-hours:+d}") if _MOST_WEST <= hours <= _MOST_EAST else None
