"""Read times in any form that files use, as UTC without an offset attached.

Most cells of a column share a few forms: these are parsed by Polars, all cells at once. Whatever is left is
read by Python, each distinct text once. The order of day and month in ``03/04/2025`` belongs to the column: its
cells stay text until all batches of the source have been counted.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from invitekit.errors import ArgumentError
from invitekit.model import schema

Order = Literal["day first", "month first"]
ASSUMED = "nothing: assumed"
"""What decided the order of day and month, where nothing did."""
EARLIEST, LATEST = 2000, 2100
"""Years that an invitation can have [assumed]: from the first, before the second; others are typing errors."""
MOST_WEST, MOST_EAST = dt.timedelta(hours=-12), dt.timedelta(hours=14)
"""The offsets from UTC that places have are between these two."""
EPOCH_1900 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - naive UTC, like every time here
EPOCH_1904 = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - as above
"""Day 0 of a workbook's serial dates: old workbooks of a Mac count from 1904."""

_OFFSET = "(?:[+](?:0[0-9]|1[0-3]):?[0-5][0-9]|[+]14:?00|-(?:0[0-9]|1[01]):?[0-5][0-9]|-12:?00)"
_DIRECTIVES = {"%Y": r"\d{4}", "%m": r"\d{1,2}", "%d": r"\d{1,2}", "%H": r"\d{1,2}", "%M": r"[0-5]?\d",
               "%S": r"[0-5]?\d", "%z": _OFFSET}  # fmt: skip
_SAMPLE = 30
"""Cells that are looked at for a common form."""
_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?)?"
_UTC_OFFSET = r"\s*(?:(Z|z|UTC|GMT)|(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})[-/.](\d{{1,2}}){_CLOCK}{_UTC_OFFSET}", re.ASCII)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})[-/.](\d{{4}}){_CLOCK}{_UTC_OFFSET}", re.ASCII)
_COMPACT = re.compile(r"(20\d{2})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)
_EVIDENCE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}", re.ASCII)
_CHINESE = str.maketrans({"年": "-", "月": "-", "日": " ", "号": " ", "时": ":", "分": ":", "秒": " "})
_INVISIBLE = str.maketrans(
    dict.fromkeys("\0\u200b\u2060\ufeff", " ")
    | dict.fromkeys("\xad\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "")
)
"""Invisible spaces; and marks of direction and joiners, which some systems write before each part of a date."""


class Form(NamedTuple):
    """A common form of a time: an example, its pattern, and the format that Polars parses it with."""

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
"""Common forms that need an order of day and month, which a column has and a cell has not."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many cells of a column prove an order of day and month, and how many could be either.

    Attributes:
        day_first, month_first: Cells that only this order makes a date of.
        ambiguous: Cells that both orders make a date of.
    """

    day_first: int = 0
    month_first: int = 0
    ambiguous: int = 0

    @property
    def order(self) -> Order | None:
        """The order that more cells prove, the day first where as many prove either, or None where none does."""
        if self.day_first == self.month_first == 0:
            return None
        return "day first" if self.day_first >= self.month_first else "month first"

    @property
    def undecided(self) -> bool:
        """Whether there are cells that need an order and none that proves one."""
        return self.order is None and self.ambiguous > 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.day_first + other.day_first, self.month_first + other.month_first, self.ambiguous + other.ambiguous
        )


@dataclass(frozen=True, slots=True)
class DateReport:
    """How one time column of one source was read.

    Attributes:
        file, column: Where.
        forms: An example of each form with its count of cells.
        order: What ``03/04/2025`` was read as, or None when no cell needed an order.
        decided_by: What decided the order: the column's own cells, another column of the source, the argument,
            or nothing (assumed).
        evidence: The cells that prove either order.
        without_offset: Cells read in the default time zone because they have no UTC offset.
        unreadable: Cells that are no time; their rows are rejected.
    """

    file: str
    column: str
    forms: dict[str, int]
    order: Order | None = None
    decided_by: str | None = None
    evidence: Evidence = field(default_factory=Evidence)
    without_offset: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class ReadTime:
    """One time in UTC, the form that it was written in, and whether it has a UTC offset of its own."""

    value: dt.datetime
    form: str
    has_offset: bool


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


class TimeColumn:
    """Reads one time column of one source, batch by batch: first all cells but those that need an order, then these.

    Args:
        file: The source's name.
        name: The column's name.
        zone: Where times without an offset were written, an IANA name.
        epoch: Day 0 of the workbook, if it is one: its times are fractions of a day, exact to the second.
    """

    def __init__(self, file: str, name: str, zone: str, epoch: dt.datetime | None = None) -> None:
        self.name = name
        self.evidence = Evidence()
        self._file, self._zone, self._epoch = file, zone, epoch
        self._forms: Counter[str] = Counter()
        self._without_offset = 0

    def read(self, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the times of a batch, and the texts of the cells that are not read yet.

        The second pass reads those that need an order; the others are no times.
        """
        if cells.dtype == pl.Date or isinstance(cells.dtype, pl.Datetime):
            return self._read_typed(cells)
        times, left = self._read_common(cells, FORMS)
        rest = left.drop_nulls()
        if rest.is_empty():
            return times, left
        # The clock does not matter for the order: few distinct days are left without it.
        days = rest.str.strip_chars().str.extract("^([^ ]*)").value_counts()
        self.evidence += count_date_order_evidence(days.rows())
        distinct = rest.filter(~rest.str.contains(_COMMON_ORDERED)).value_counts()
        # The order does not matter for these: the others wait for it.
        others = [row for row in distinct.rows() if not _EVIDENCE.match(_plain(row[0]))]
        return self._read_distinct(times, left, others, "day first")

    def read_ordered(self, times: pl.Series, left: pl.Series, order: Order) -> tuple[pl.Series, pl.Series]:
        """Read the cells that needed an order; return all times, and the texts that are no times."""
        if left.null_count() == len(left):
            return times, left
        ordered, left = self._read_common(left, ORDERED_FORMS[order])
        times = times.fill_null(ordered)
        return self._read_distinct(times, left, left.drop_nulls().value_counts().rows(), order)

    def report(self, order: Order, decided_by: str, unreadable: int) -> DateReport:
        """Return how the column was read."""
        evidence = self.evidence
        asked = evidence.day_first + evidence.month_first + evidence.ambiguous > 0
        return DateReport(
            file=self._file,
            column=self.name,
            forms=dict(self._forms),
            order=order if asked else None,
            decided_by=decided_by if asked else None,
            evidence=evidence,
            without_offset=self._without_offset,
            unreadable=unreadable,
        )

    def _read_typed(self, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        zone = cells.dtype.time_zone if isinstance(cells.dtype, pl.Datetime) else None
        times = cells.cast(pl.Datetime("us", zone))
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else self._to_utc(times)
        times = _in_range(times)
        count = times.count()
        if count:
            kind = "date" if cells.dtype == pl.Date else "timestamp" + " with time zone" * bool(zone)
            self._forms[f"typed {kind}"] += count
            self._without_offset += 0 if zone else count
        left = time_text(cells).to_frame("left").select(pl.when(times.is_null()).then("left")).to_series()
        return times, left

    def _read_common(self, cells: pl.Series, forms: Iterable[Form]) -> tuple[pl.Series, pl.Series]:
        """Read cells in common forms as long as some are frequent; return times, and the texts that are left."""
        times = pl.Series(cells.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(cells))
        left, untried = cells, list(forms)
        while (form := _frequent_form(left, untried)) is not None:
            untried.remove(form)
            fits = left.str.contains(form.pattern)
            parsed = left.set(~fits, None) if not fits.all() else left
            parsed = self._parse(parsed, form)
            if count := parsed.count():
                self._forms[form.example] += count
                self._without_offset += 0 if form.has_offset else count
            times = times.fill_null(parsed)
            left = left.set(times.is_not_null(), None)
        return times, left

    def _parse(self, texts: pl.Series, form: Form) -> pl.Series:
        if form.format.endswith("%z"):
            parsed = texts.str.to_datetime(form.format, time_unit="us", time_zone="UTC", strict=False)
            return _in_range(parsed.dt.replace_time_zone(None))
        if "%H" not in form.format:
            parsed = texts.str.to_date(form.format, strict=False).cast(pl.Datetime("us"))
        else:
            parsed = texts.str.to_datetime(form.format, time_unit="us", strict=False)
        return _in_range(parsed if form.has_offset else self._to_utc(parsed))

    def _to_utc(self, local: pl.Series) -> pl.Series:
        if self._zone == "UTC":
            return local
        # Of an hour that comes twice, the later one; one that the clock skips is left to Python.
        zoned = local.dt.replace_time_zone(self._zone, ambiguous="latest", non_existent="null")
        return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)

    def _read_distinct(
        self, times: pl.Series, left: pl.Series, texts: Iterable[tuple[str, int]], order: Order
    ) -> tuple[pl.Series, pl.Series]:
        """Read each distinct text on its own."""
        read: dict[str, dt.datetime | None] = {}
        zone = time_zone(self._zone)
        for text, count in texts:
            if is_null_like(text):
                read[text] = None
            elif (time := read_time(text, order, zone, self._epoch)) is not None:
                read[text] = time.value
                self._forms[time.form] += count
                self._without_offset += 0 if time.has_offset else count
        if not read:
            return times, left
        values = pl.Series([*read.values()], dtype=pl.Datetime("us"))
        found = left.replace_strict(pl.Series([*read], dtype=pl.String), values, default=None)
        done = left.is_in([*read]).fill_null(value=False)
        return times.fill_null(found), left.set(done, None)


def time_text(times: pl.Series) -> pl.Series:
    """Return dates or times as text, as DuckDB writes them."""
    zone = times.dtype.time_zone if isinstance(times.dtype, pl.Datetime) else None
    if zone:
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(times.dtype, pl.Datetime) and (times.dt.microsecond() != 0).any():
        texts = times.dt.to_string("%Y-%m-%d %H:%M:%S%.6f").str.replace(r"\.?0*$", "")
    else:
        texts = times.dt.to_string("%Y-%m-%d %H:%M:%S" if isinstance(times.dtype, pl.Datetime) else "%Y-%m-%d")
    return texts + "+00" if zone else texts


def decide_orders(evidence: Mapping[str, Evidence], *, day_first: bool | None) -> dict[str, tuple[Order, str]]:
    """Decide for each column of a source whether the day or the month comes first.

    Args:
        evidence: By column.
        day_first: The user's choice.

    Returns:
        The order of each column and what decided it.
    """
    proven = {name: e.order for name, e in evidence.items() if e.order is not None}
    decided: dict[str, tuple[Order, str]] = {}
    for name in evidence:
        if day_first is not None:
            decided[name] = ("day first" if day_first else "month first", "the argument day_first")
        elif name in proven:
            decided[name] = (proven[name], "its own cells")
        elif proven:
            other, order = next(iter(proven.items()))
            decided[name] = (order, f"the column {other} of the same file")
        else:
            decided[name] = ("day first", ASSUMED)
    return decided


def is_null_like(text: str) -> bool:
    """Return whether a cell's text stands for nothing."""
    return text.strip().strip(schema.INVISIBLE) in schema.NULL_LIKE


_COMMON_ORDERED = f"(?:{'|'.join(form.pattern for form in ORDERED_FORMS['day first'])})"


def _frequent_form(cells: pl.Series, forms: Iterable[Form]) -> Form | None:
    """Return the form that most of the first cells have, or None if they have none of these."""
    sample = cells.drop_nulls().head(_SAMPLE).to_list()
    counted = Counter(form for text in sample for form in forms if re.match(form.pattern, text))
    return counted.most_common(1)[0][0] if counted else None


def _in_range(times: pl.Series) -> pl.Series:
    year = times.dt.year()
    outside = (year < EARLIEST) | (year >= LATEST)
    return times.set(outside, None) if outside.any() else times


def count_date_order_evidence(texts: Iterable[tuple[str, int]]) -> Evidence:
    """Count what cells with day, month and year prove about their order.

    Args:
        texts: Distinct cell texts with their counts; other forms are ignored.
    """
    day = month = ambiguous = 0
    for text, count in texts:
        date = _EVIDENCE.match(_plain(text))
        if date is None:
            continue
        first, second = int(date[1]), int(date[2])
        day += count * (first > 12 >= second)
        month += count * (second > 12 >= first)
        ambiguous += count * (first <= 12 and second <= 12)
    return Evidence(day, month, ambiguous)


def read_time(text: str, order: Order, zone: dt.tzinfo, epoch: dt.datetime | None = None) -> ReadTime | None:
    """Read one cell, or return None if it is no time.

    Args:
        text: The cell; full-width digits and Chinese units are understood.
        order: What ``03/04/2025`` means in this column; with dots the day always comes first.
        zone: Where a time without an offset was written.
        epoch: Day 0 of the workbook that the cell is in, if it is in one. Its times are
            fractions of a day, exact to the second.
    """
    plain = _plain(text)
    if _SERIAL.fullmatch(plain):
        return _from_serial(float(plain), zone, epoch or EPOCH_1900)
    time = _read_written(plain, order, zone)
    return time if time is None or epoch is None else replace(time, value=_to_second(time.value))


def _read_written(plain: str, order: Order, zone: dt.tzinfo) -> ReadTime | None:
    if match := _YEAR_FIRST.fullmatch(plain):
        year, mark, month, day, *rest = match.groups()
        return _assemble((year, month, day), rest, f"2025{mark}11{mark}28", zone)
    if match := _YEAR_LAST.fullmatch(plain):
        first, mark, second, year, *rest = match.groups()
        if mark == "." or order == "day first":
            return _assemble((year, second, first), rest, f"28{mark}11{mark}2025", zone)
        return _assemble((year, first, second), rest, f"11{mark}28{mark}2025", zone)
    if match := _COMPACT.fullmatch(plain):
        year, month, day, hour, minute, second = match.groups()
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
    if not dt.MINYEAR < year < dt.MAXYEAR:  # an offset may lead out of Python's years
        return None
    form += _clock_form(hour, second, fraction, half)
    if utc is None and sign is None:
        return _if_in_range(_local_to_utc(value, zone), form, has_offset=False)
    shift = dt.timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    shift = -shift if sign == "-" else shift
    if not MOST_WEST <= shift <= MOST_EAST or int(offset_minutes or 0) >= 60:
        return None
    return _if_in_range(value - shift, form + ("Z" if utc else "+08:00"), has_offset=True)


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
    """Round to the second: Excel keeps a time as a fraction of a day."""
    return (value + dt.timedelta(microseconds=500_000)).replace(microsecond=0)


def _from_serial(serial: float, zone: dt.tzinfo, epoch: dt.datetime) -> ReadTime | None:
    rounded = _to_second(epoch + dt.timedelta(days=serial))
    return _if_in_range(_local_to_utc(rounded, zone), "Excel serial 45989.4", has_offset=False)


def _local_to_utc(value: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    # Of an hour that comes twice, the later one; an hour that the clock skips goes on with the offset before it.
    later, earlier = (value.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (1, 0))
    return max(later, earlier).replace(tzinfo=None)


def _if_in_range(value: dt.datetime, form: str, *, has_offset: bool) -> ReadTime | None:
    return ReadTime(value, form, has_offset) if EARLIEST <= value.year < LATEST else None
