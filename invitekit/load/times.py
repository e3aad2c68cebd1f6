"""Read a time in any form that files use, to UTC without an offset attached.

Most cells of a column share one form; DuckDB parses those. What is left is read here, cell by
cell, but never guessed cell by cell: the order of day and month belongs to the column.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from invitekit.errors import ArgumentError

Order = Literal["day first", "month first"]

FORMS = {
    "2025-11-28 09:30:15": "%Y-%m-%d %H:%M:%S",
    "2025-11-28 09:30": "%Y-%m-%d %H:%M",
    "2025-11-28": "%Y-%m-%d",
    "2025-11-28T09:30:15": "%Y-%m-%dT%H:%M:%S",
    "2025-11-28T09:30:15Z": "%Y-%m-%dT%H:%M:%SZ",
    "2025-11-28T09:30:15+08:00": "%Y-%m-%dT%H:%M:%S%z",
    "2025-11-28 09:30:15+08:00": "%Y-%m-%d %H:%M:%S%z",
    "2025/11/28 09:30:15": "%Y/%m/%d %H:%M:%S",
    "2025/11/28 09:30": "%Y/%m/%d %H:%M",
    "2025/11/28": "%Y/%m/%d",
    "28.11.2025 09:30:15": "%d.%m.%Y %H:%M:%S",
    "28.11.2025 09:30": "%d.%m.%Y %H:%M",
    "28.11.2025": "%d.%m.%Y",
}
"""Forms that mean one thing only, as an example and as the format DuckDB parses them with."""
SLASHED: dict[Order, dict[str, str]] = {
    "day first": {
        "28/11/2025 09:30:15": "%d/%m/%Y %H:%M:%S",
        "28/11/2025 09:30": "%d/%m/%Y %H:%M",
        "28/11/2025": "%d/%m/%Y",
    },
    "month first": {
        "11/28/2025 09:30:15": "%m/%d/%Y %H:%M:%S",
        "11/28/2025 09:30": "%m/%d/%Y %H:%M",
        "11/28/2025": "%m/%d/%Y",
    },
}
"""Forms that need an order of day and month, which a column has and a cell has not."""
EARLIEST, LATEST = 2000, 2100
"""Years that an invitation can have [assumed]; outside of them a cell is no time but a slip."""

MOST_WEST, MOST_EAST = dt.timedelta(hours=-12), dt.timedelta(hours=14)
"""The offsets from UTC that places have lie between these two."""
OFFSET = "([+](0[0-9]|1[0-3]):?[0-5][0-9]|[+]14:?00|-(0[0-9]|1[01]):?[0-5][0-9]|-12:?00)"
"""The same as a pattern, for DuckDB: it also takes offsets that no place has."""

_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?)?"
_OFFSET = r"\s*(?:(Z|z|UTC|GMT)|(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})[-/.](\d{{1,2}}){_CLOCK}{_OFFSET}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})[-/.](\d{{4}}){_CLOCK}{_OFFSET}", re.ASCII)
_COMPACT = re.compile(r"(20\d{2})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
EPOCH_1900 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - naive UTC, like every time here
EPOCH_1904 = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - as above
"""Day 0 of a workbook's serials: old workbooks of a Mac count from 1904."""
_CHINESE = str.maketrans({"年": "-", "月": "-", "日": " ", "号": " ", "时": ":", "分": ":", "秒": " "})
_INVISIBLE = str.maketrans(
    dict.fromkeys("\0\u200b\u2060\ufeff", " ")
    | dict.fromkeys("\xad\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "")
)
"""Spaces that nobody sees; and marks of direction and joiners, which some systems put before each part of a date."""
_EVIDENCE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadTime:
    """One time in UTC, the form it was written in, and whether it said its own offset."""

    value: dt.datetime
    form: str
    has_offset: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many cells of a column prove an order of day and month, and how many could be either."""

    day_first: int = 0
    month_first: int = 0
    either: int = 0

    @property
    def order(self) -> Order | None:
        """The order that more cells prove, or None when none does."""
        if self.day_first == self.month_first == 0:
            return None
        return "day first" if self.day_first >= self.month_first else "month first"

    @property
    def undecided(self) -> bool:
        """Whether there are cells that need an order and none that proves one."""
        return self.order is None and self.either > 0


def time_zone(name: str) -> dt.tzinfo:
    """Return the time zone of an IANA name; UTC needs no zone database.

    Raises:
        ArgumentError: There is no such zone, or no zone database on this machine.
    """
    if name == "UTC":
        return dt.UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if not available_timezones():
            raise ArgumentError(
                "This machine has no time zone database: only UTC is known.", hint="install one: pip install tzdata."
            ) from None
        raise ArgumentError(
            f"'{name}' is no time zone.", hint="use an IANA name such as UTC, Asia/Shanghai or Europe/Berlin."
        ) from None


def weigh(texts: Iterable[tuple[str, int]]) -> Evidence:
    """Count what cells with day, month and year say about their order.

    Args:
        texts: Distinct cell texts with their counts; other forms are passed over.
    """
    day = month = either = 0
    for text, count in texts:
        found = _EVIDENCE.match(_plain(text))
        if found is None:
            continue
        first, second = int(found[1]), int(found[2])
        day += count * (first > 12 >= second)
        month += count * (second > 12 >= first)
        either += count * (first <= 12 and second <= 12)
    return Evidence(day, month, either)


def read_time(text: str, order: Order, zone: dt.tzinfo, epoch: dt.datetime | None = None) -> ReadTime | None:
    """Read one cell, or give None when it is no time.

    Args:
        text: The cell; full-width digits and Chinese units are understood.
        order: What ``03/04/2025`` means in this column; with dots the day always comes first.
        zone: Where a time without an offset was written.
        epoch: Day 0 of the workbook that the cell stands in, if it stands in one. Its times are
            fractions of a day, true to the second.
    """
    plain = _plain(text)
    if _SERIAL.fullmatch(plain):
        return _from_serial(float(plain), zone, epoch or EPOCH_1900)
    read = _read_written(plain, order, zone)
    return read if read is None or epoch is None else replace(read, value=_to_second(read.value))


def _read_written(plain: str, order: Order, zone: dt.tzinfo) -> ReadTime | None:
    if found := _YEAR_FIRST.fullmatch(plain):
        year, mark, month, day, *rest = found.groups()
        return _assemble((year, month, day), rest, f"2025{mark}11{mark}28", zone)
    if found := _YEAR_LAST.fullmatch(plain):
        first, mark, second, year, *rest = found.groups()
        if mark == "." or order == "day first":
            return _assemble((year, second, first), rest, f"28{mark}11{mark}2025", zone)
        return _assemble((year, first, second), rest, f"11{mark}28{mark}2025", zone)
    if found := _COMPACT.fullmatch(plain):
        year, month, day, hour, minute, second = found.groups()
        rest = [hour, minute, second, None, None, None, None, None, None]
        return _assemble((year, month, day), rest, "20251128", zone)
    return None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).translate(_CHINESE)
    return " ".join(folded.translate(_INVISIBLE).split()).rstrip(":").rstrip()


def _assemble(date: tuple[str, str, str], rest: list[str | None], form: str, zone: dt.tzinfo) -> ReadTime | None:
    hour, minute, second, fraction, half, utc, sign, offset_hours, offset_minutes = rest
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    clock = _hour(int(hour or 0), half)
    try:
        year, month, day = map(int, date)
        value = dt.datetime(year, month, day, clock, int(minute or 0), int(second or 0), micro)  # noqa: DTZ001
    except ValueError:
        return None
    if not dt.MINYEAR < year < dt.MAXYEAR:  # an offset may lead out of what Python can count
        return None
    form += _clock_form(hour, second, fraction, half)
    if utc is None and sign is None:
        return _in_range(_to_utc(value, zone), form, has_offset=False)
    shift = dt.timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    shift = -shift if sign == "-" else shift
    if not MOST_WEST <= shift <= MOST_EAST or int(offset_minutes or 0) >= 60:
        return None
    return _in_range(value - shift, form + ("Z" if utc else "+08:00"), has_offset=True)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        return -1
    return hour % 12 + 12 * (half.lower() == "pm")


def _clock_form(hour: str | None, second: str | None, fraction: str | None, half: str | None) -> str:
    if hour is None:
        return ""
    return " 09:30" + ":15" * bool(second) + ".123" * bool(fraction) + " AM" * bool(half)


def _to_second(value: dt.datetime) -> dt.datetime:
    """Round: Excel keeps a day as a fraction, and the nearest second is what was typed."""
    return (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0)


def _from_serial(serial: float, zone: dt.tzinfo, epoch: dt.datetime) -> ReadTime | None:
    rounded = _to_second(epoch + dt.timedelta(days=serial))
    return _in_range(_to_utc(rounded, zone), "Excel serial 45989.4", has_offset=False)


def _to_utc(value: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    # Of an hour that comes twice, the later one: what DuckDB takes, too.
    return value.replace(tzinfo=zone, fold=1).astimezone(dt.UTC).replace(tzinfo=None)


def _in_range(value: dt.datetime, form: str, *, has_offset: bool) -> ReadTime | None:
    return ReadTime(value, form, has_offset) if EARLIEST <= value.year < LATEST else None
