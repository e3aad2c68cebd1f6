"""Read the time columns of a source as UTC without an offset.

Polars parses the common forms, all cells at once. Every other distinct text is parsed once, without its minutes. The
order of day and month in ``03/04/2025`` is decided per column: such cells stay text until all batches of the source
have been counted.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from invitekit.engine.datetimes import YEARS
from invitekit.errors import ArgumentError, check_type
from invitekit.i18n import Message, _
from invitekit.ingest import time_forms
from invitekit.ingest.time_forms import FORMS, ORDERED_FORMS, Form, Order, ShortOrder, Written
from invitekit.model import schema

ASSUMED = _("nothing: assumed")
"""The value of ``decided_by`` if nothing decides the order of day and month."""
_ORDERS: dict[Order, Message] = {"day first": _("day first"), "month first": _("month first")}
OPTIONAL_TIMES = ("pre_registered_at", "expires_at", "associated_at")
"""Optional times: an invalid one is null, and its text is kept as unrecognised."""
NO_TIME = "not a valid date or time: "
NEVER = dt.datetime(9999, 12, 31)  # noqa: DTZ001 - naive UTC, like every time here
"""The expiry of an invitation that never expires: later than every date."""
EPOCH_1900 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - as above
EPOCH_1904 = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - as above
"""Day 0 of a workbook's serial dates: old workbooks from a Mac count from 1904."""
UNIX_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - as above
_DAY = 24 * 60 * 60
MONTHS = 12

_SAMPLE = 30
"""Cells that are checked for a common form."""
_NUMBER = r"^[0-9]{5}(?:[.,][0-9]+)?$|^1[0-9]{9}(?:[.][0-9]+)?$|^1[0-9]{12}$"
"""A serial date of a workbook, or a Unix time in seconds or milliseconds, from 2001 to 2033."""
_END_OF_DAY = (24, 0, 0, 0)
"""The clock of the midnight that ends a day."""
_MINUTES = re.compile(r"[^:]*[^:\d]\d{1,2}[:时時]([0-5]?\d)(?:([:分])([0-5]?\d)(?:[.,](\d{1,9}))?)?(?![:\d])", re.ASCII)
"""A clock up to its minutes, seconds and fraction."""
_YEARS_APART = 10
"""The largest distance of two-digit years in one column; an order with a larger one is wrong [assumed]."""
_SWAPPED_FROM = 3
"""The fewest dates of each kind for a warning that a spreadsheet swapped day and month."""


class _Reading(NamedTuple):
    """The result of reading a text: a time, local or UTC, or a problem; if nothing is set, it needs an order."""

    local: dt.datetime | None = None
    utc: dt.datetime | None = None
    problem: str | None = None
    is_done: bool = False


_READING = (pl.Datetime("us"), pl.Datetime("us"), pl.String(), pl.Boolean())
_NOTHING = _Reading(is_done=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many cells of a column prove an order of day and month, and how many are ambiguous.

    Attributes:
        day_first, month_first: Cells that are a date in this order only, or that are after the export in the other.
        ambiguous: All other cells that are a date in both orders.
    """

    day_first: int = 0
    month_first: int = 0
    ambiguous: int = 0

    @property
    def order(self) -> Order | None:
        """The order that more cells prove, day first for a tie; None without proof."""
        if self.day_first == self.month_first == 0:
            return None
        return "day first" if self.day_first >= self.month_first else "month first"

    @property
    def undecided(self) -> bool:
        """Whether some cells need an order and none proves one."""
        return self.order is None and self.ambiguous > 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.day_first + other.day_first, self.month_first + other.month_first, self.ambiguous + other.ambiguous
        )


@dataclass(frozen=True, slots=True)
class DateReport:
    """How one time column of one source was read.

    Attributes:
        file, column: The source and its column.
        forms: An example of each form with its count of cells.
        order: The order of day and month in ``03/04/2025``; None if no cell needed one.
        decided_by: What decided the order: the column's own cells, another column of the source, the argument,
            or nothing (assumed).
        evidence: How many cells prove each order.
        without_offset: Cells read in the time zone of the column because they have no UTC offset.
        problems: Why cells are not a valid date or time, with their count.
        swapped: Typed dates in which a spreadsheet may have swapped day and month: none is after the 12th day of a
            month, but each date that stayed text is.
    """

    file: str
    column: str
    forms: dict[str, int]
    order: Message | None = None
    decided_by: Message | None = None
    evidence: Evidence = field(default_factory=Evidence)
    without_offset: int = 0
    problems: dict[str, int] = field(default_factory=dict)
    swapped: int = 0

    @property
    def unreadable(self) -> int:
        """Cells that are not a valid date or time."""
        return sum(self.problems.values())


def check_time_zone(name: str) -> None:
    """Check the IANA name of a time zone; UTC needs no zone database.

    Raises:
        ArgumentError: There is no such zone, or this machine has no zone database.
    """
    check_type("time_zone", name, str, _("use an IANA name such as UTC, Asia/Shanghai or Europe/Berlin."))
    if name == "UTC":
        return
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if not available_timezones():
            raise ArgumentError(
                _("This machine has no time zone database: only UTC is known."),
                hint=_("install one: pip install tzdata."),
            ) from None
        raise ArgumentError(
            _("'{name}' is not a time zone.", name=name),
            hint=_("use an IANA name such as UTC, Asia/Shanghai or Europe/Berlin."),
        ) from None


class TimeColumn:
    """Reads one time column of one source batch by batch, in two passes: cells that need an order come second.

    Args:
        file: The source's name.
        name: The column's name.
        zone: The zone of times without an offset, an IANA name.
        epoch: Day 0 of a workbook; its times are fractions of a day, exact to the second. None for other sources.
        snapshot_at: When the source was exported; None if unknown. No time is later, except that an invitation expires.
    """

    def __init__(
        self,
        file: str,
        name: str,
        zone: str,
        epoch: dt.datetime | None = None,
        snapshot_at: dt.datetime | None = None,
    ) -> None:
        self.name = name
        self.evidence = Evidence()
        self._file, self._zone, self._epoch = file, zone, epoch
        # A difference of up to a day may be due to a time zone.
        self._last_day = snapshot_at.date() + dt.timedelta(1) if snapshot_at and name != "expires_at" else dt.date.max
        self._forms: Counter[str] = Counter()
        self._problems: Counter[str] = Counter()
        self._short_years: dict[ShortOrder, Counter[int]] = {
            order: Counter() for order in ("day first", "month first", "year first")
        }
        self._parsed: dict[str, Written | str] = {}
        self._months_later: set[int] = set()
        self._short = self._without_offset = self._year_first = 0
        self._late_day = False

    def read(self, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """First pass: return the times of a batch, and the texts that need an order or are not valid."""
        if cells.dtype == pl.Date or isinstance(cells.dtype, pl.Datetime):
            return self._read_typed(cells)
        times, left = self._read_common(cells, FORMS)
        rows = (left != "").fill_null(value=False).arg_true()
        if rows.is_empty():
            return times, _nulls(left, pl.String)
        read, rest = self._read_rest(left.gather(rows))
        return times.scatter(rows, read), _nulls(left, pl.String).scatter(rows, rest)

    def read_ordered(
        self, times: pl.Series, left: pl.Series, order: Order, decided_by: Message
    ) -> tuple[pl.Series, pl.Series, pl.Series | None]:
        """Second pass: read the cells that need an order.

        Returns:
            All times, the texts that are not valid, and the problem of each of these, if there are any.
        """
        if left.null_count() == len(left):
            return times, left, None
        ordered, left = self._read_common(left, ORDERED_FORMS[order])
        times = times.fill_null(ordered)
        rows = left.is_not_null().arg_true()
        if rows.is_empty():
            return times, left, None
        read, rest, problems = self._read_distinct(left.gather(rows), (order, self._short_order(order, decided_by)))
        texts = _nulls(left, pl.String)
        return times.scatter(rows, read), texts.scatter(rows, rest), _nulls(left, pl.String).scatter(rows, problems)

    def count_problems(self, problems: pl.Series) -> None:
        """Count the problems that ``read_ordered`` returned."""
        self._problems.update(problems.drop_nulls().to_list())

    def report(self, order: Order, decided_by: Message) -> DateReport:
        """Return how the column was read."""
        evidence = self.evidence
        needs_order = evidence.day_first + evidence.month_first + evidence.ambiguous > 0
        proven = max(evidence.day_first, evidence.month_first)
        one_sided = proven >= _SWAPPED_FROM and evidence in (Evidence(proven), Evidence(0, proven))
        swapped = self._year_first if one_sided and not self._late_day and self._year_first >= _SWAPPED_FROM else 0
        return DateReport(
            file=self._file,
            column=self.name,
            forms=dict(self._forms),
            order=_ORDERS[order] if needs_order else None,
            decided_by=decided_by if needs_order else None,
            evidence=evidence,
            without_offset=self._without_offset,
            problems=dict(self._problems),
            swapped=swapped,
        )

    def _count(self, form: str, cells: int, *, has_offset: bool) -> None:
        if cells:
            self._forms[form] += cells
            self._without_offset += 0 if has_offset else cells

    def _count_year_first(self, cells: int, *, late_day: bool) -> None:
        self._year_first += cells
        self._late_day = self._late_day or (late_day and cells > 0)

    def _read_typed(self, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        zone = cells.dtype.time_zone if isinstance(cells.dtype, pl.Datetime) else None
        times = cells.cast(pl.Datetime("us", zone))
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else self._to_utc(times)
        times = _in_range(times)
        timestamp = _("typed timestamp with time zone") if zone else _("typed timestamp")
        self._count(_("typed date") if cells.dtype == pl.Date else timestamp, times.count(), has_offset=bool(zone))
        left = time_text(cells).to_frame("left").select(pl.when(times.is_null()).then("left")).to_series()
        return times, left

    def _read_common(self, cells: pl.Series, forms: Sequence[Form]) -> tuple[pl.Series, pl.Series]:
        """Parse the cells in common forms; return times, and the other texts."""
        times = _nulls(cells, pl.Datetime("us"))
        rows = cells.is_not_null().arg_true()
        if 0 < len(rows) < len(cells) / 2:
            read, rest = self._read_common(cells.gather(rows), forms)
            return times.scatter(rows, read), _nulls(cells, pl.String).scatter(rows, rest)
        form = _frequent_form(cells, forms)
        if form is None:
            return times, cells
        fits = cells.str.contains(form.pattern)
        parsed = self._parse(cells if fits.all() else cells.set(~fits, None), form)
        self._count(form.example, parsed.count(), has_offset=form.has_offset)
        times, left = self._read_common(cells.set(parsed.is_not_null(), None), [one for one in forms if one != form])
        return parsed.fill_null(times), left

    def _parse(self, texts: pl.Series, form: Form) -> pl.Series:
        if form.format.endswith("%z"):
            parsed = texts.str.to_datetime(form.format, time_unit="us", time_zone="UTC", strict=False)
            return _in_range(parsed.dt.replace_time_zone(None))
        if "%H" not in form.format:
            parsed = texts.str.to_date(form.format, strict=False).cast(pl.Datetime("us"))
        else:
            # Most times are distinct: a cache costs more than it saves.
            parsed = texts.str.to_datetime(form.format, time_unit="us", strict=False, cache=False)
        if form.format.startswith("%Y"):
            self._count_year_first(parsed.count(), late_day=self._late_day or bool((parsed.dt.day() > MONTHS).any()))
        return _in_range(parsed if form.has_offset else self._to_utc(parsed))

    def _read_rest(self, texts: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Read texts in no common form; return times, and the texts that need an order or are not valid."""
        times = self._read_numbers(texts)
        left = texts.set(times.is_not_null(), None)
        common = left.str.contains(_COMMON_ORDERED).fill_null(value=False)
        # The order does not depend on the clock, and without it there are few distinct texts.
        for day, count in left.filter(common).str.extract("^([^ ]*)").value_counts().rows():
            self._count_order(time_forms.parse(day), count)
        read, others, _ = self._read_distinct(left.set(common, None), None)
        return times.fill_null(read), left.set(others.is_null() & ~common, None)

    def _read_numbers(self, texts: pl.Series) -> pl.Series:
        """Read serial dates of a workbook and Unix times."""
        times = _nulls(texts, pl.Datetime("us"))
        numbers = texts.str.normalize("NFKC").str.strip_chars()
        numbers = numbers.set(~numbers.str.contains(_NUMBER), None).str.replace(",", ".", literal=True).cast(pl.Float64)
        if numbers.null_count() == len(numbers):
            return times
        for form, start, seconds, chosen in (
            (_("Excel serial 45989.4"), self._epoch or EPOCH_1900, (numbers * _DAY).round(), numbers < 1e5),
            (_("Unix time 1764322215"), UNIX_EPOCH, numbers, (numbers >= 1e5) & (numbers < 1e10)),
            (_("Unix time 1764322215000"), UNIX_EPOCH, numbers / 1000, numbers >= 1e10),
        ):
            since = (seconds.set(~chosen, None) * 1e6).cast(pl.Int64).cast(pl.Duration("us"))
            is_unix = start == UNIX_EPOCH
            converted = pl.select(pl.lit(start) + since).to_series()
            converted = _in_range(converted if is_unix else self._to_utc(converted))
            self._count(form, converted.count(), has_offset=is_unix)
            times = times.fill_null(converted)
        return times

    def _to_utc(self, local: pl.Series) -> pl.Series:
        if self._zone == "UTC":
            return local
        # A repeated hour means the later one; a skipped hour has the offset before the change.
        times = self._from_zone(local)
        if times.null_count() > local.null_count():
            times = times.fill_null(self._from_zone(local.dt.offset_by("-25h")).dt.offset_by("25h"))
        return times

    def _from_zone(self, local: pl.Series) -> pl.Series:
        zoned = local.dt.replace_time_zone(self._zone, ambiguous="latest", non_existent="null")
        return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)

    def _read_distinct(
        self, texts: pl.Series, orders: tuple[Order, ShortOrder | None] | None
    ) -> tuple[pl.Series, pl.Series, pl.Series]:
        """Read each distinct text; return times, the texts that are not read, and their problems."""
        counted = texts.drop_nulls().alias("text").to_frame().group_by("text", maintain_order=True).len()
        readings = [self._read_text(text, cells, orders) for text, cells in counted.rows()]
        columns = zip(*readings, strict=True) if readings else [()] * len(_READING)
        local, utc, problems, done = (pl.Series(c, dtype=t) for c, t in zip(columns, _READING, strict=True))
        utc = utc.fill_null(self._to_utc(local))
        if self._epoch is not None:
            utc = utc.dt.offset_by("500ms").dt.truncate("1s")
        results = pl.DataFrame({"text": counted["text"], "time": utc, "problem": problems, "done": done})
        rows = texts.alias("text").to_frame().join(results, on="text", how="left", maintain_order="left")
        return rows["time"], texts.set(rows["done"].fill_null(value=False), None), rows["problem"]

    def _read_text(self, text: str, cells: int, orders: tuple[Order, ShortOrder | None] | None) -> _Reading:
        # Excel stores an empty date as zero.
        if is_null_like(text) or not text.strip(" 0."):
            return _NOTHING
        if self.name == "expires_at" and time_forms.is_never(text):
            return self._no_expiry(cells)
        key, since = _without_minutes(text)
        if (written := self._parsed.get(key)) is None:
            written = self._parsed[key] = time_forms.parse(key)
            self._months_later |= time_forms.months_later(key)
        if written == time_forms.SEVERAL_MONTHS and orders is not None and len(self._months_later) == 1:
            written = time_forms.parse(key, *self._months_later)
        if isinstance(written, str):
            return _Reading(problem=written)
        if written.mark is None:
            return self._read_date(written, since, cells)
        if orders is None:
            self._count_order(written, cells)
            return _Reading()
        return self._read_in_order(written, since, cells, orders)

    def _read_in_order(
        self, written: Written, since: dt.timedelta, cells: int, orders: tuple[Order, ShortOrder | None]
    ) -> _Reading:
        order, short_order = orders
        chosen = order if not written.short else written.short[0] if len(written.short) == 1 else short_order
        if chosen is None:
            return _Reading(problem=time_forms.SHORT_YEAR)
        if written.short and chosen not in written.short:
            return _Reading(problem=time_forms.NO_SUCH_DATE)
        reading = self._read_date(written.in_order(chosen), since, cells)
        return reading._replace(problem=reading.problem and f"{reading.problem} ({chosen})")

    def _read_date(self, written: Written, since: dt.timedelta, cells: int) -> _Reading:
        if self.name == "expires_at" and written.numbers in time_forms.LAST_DAYS:
            return self._no_expiry(cells)
        if written.numbers in time_forms.PLACEHOLDERS:
            self._forms[_("no date: 1970-01-01")] += cells
            return _NOTHING
        clock = written.clock
        if clock == _END_OF_DAY and not since:
            clock, since = (0, 0, 0, 0), dt.timedelta(days=1)
        try:
            local = dt.datetime(*written.numbers, *clock) + since  # noqa: DTZ001 - naive, as it is written
        except ValueError:
            return _Reading(problem=time_forms.NO_SUCH_DATE)
        if local.year not in YEARS:
            return _Reading(problem=time_forms.NO_SUCH_YEAR)
        if written.form.startswith("2025-"):
            self._count_year_first(cells, late_day=local.day > MONTHS)
        self._count(written.form, cells, has_offset=written.offset is not None)
        if written.offset is None:
            return _Reading(local=local, is_done=True)
        return _Reading(utc=local - dt.timedelta(minutes=written.offset), is_done=True)

    def _no_expiry(self, cells: int) -> _Reading:
        self._forms[_("never")] += cells
        return _Reading(utc=NEVER, is_done=True)

    def _count_order(self, written: Written | str, cells: int) -> None:
        """Count a date as evidence for the order of its column."""
        if isinstance(written, str) or written.mark is None:
            return
        if written.short:
            self._short += cells
            for order in written.short:
                self._short_years[order][written.in_order(order).numbers[0]] += cells
            self.evidence += Evidence(month_first=cells * (written.short == ("month first",)))
            return
        first, second, _ = written.numbers
        by_day, by_month = second <= MONTHS, first <= MONTHS
        if by_day and by_month:
            past = [self._is_past(written.in_order(order).numbers) for order in _ORDERS]
            by_day, by_month = past if any(past) else (True, True)
        self.evidence += Evidence(
            day_first=cells * (by_day and not by_month),
            month_first=cells * (by_month and not by_day),
            ambiguous=cells * (by_day and by_month),
        )

    def _is_past(self, numbers: tuple[int, int, int]) -> bool:
        """Return whether a date is not after the day of the export."""
        return numbers <= (self._last_day.year, self._last_day.month, self._last_day.day)

    def _short_order(self, order: Order, decided_by: Message) -> ShortOrder | None:
        """Return the order of dates with a two-digit year, or None if it is ambiguous."""
        possible = [
            name
            for name, years in self._short_years.items()
            if any(100 * sum(years[year + i] for i in range(_YEARS_APART)) >= 99 * self._short for year in years)
        ]
        if len(possible) == 1:
            return possible[0]
        return order if order in possible and decided_by != ASSUMED else None


def _without_minutes(text: str) -> tuple[str, dt.timedelta]:
    """Return a text with its time cut to the hour, and the rest as a duration: few distinct texts remain."""
    if (clock := _MINUTES.match(text)) is None:
        return text, dt.timedelta()
    minute, mark, second, fraction = clock.groups()
    key = text[: clock.start(1)] + "00" + f"{mark or ''}00{'.0' * bool(fraction)}" * bool(second) + text[clock.end() :]
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return key, dt.timedelta(minutes=int(minute), seconds=int(second or 0), microseconds=micro)


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


def decide_orders(evidence: Mapping[str, Evidence], *, day_first: bool | None) -> dict[str, tuple[Order, Message]]:
    """Decide for each column of a source whether the day or the month comes first.

    Args:
        evidence: By column.
        day_first: The user's choice.

    Returns:
        The order of each column and what decided it.
    """
    proven = {name: e.order for name, e in evidence.items() if e.order is not None}
    decided: dict[str, tuple[Order, Message]] = {}
    for name in evidence:
        if day_first is not None:
            decided[name] = ("day first" if day_first else "month first", _("the argument day_first"))
        elif name in proven:
            decided[name] = (proven[name], _("its own cells"))
        elif proven:
            other, order = next(iter(proven.items()))
            column = schema.label_in_message(other)
            decided[name] = (order, _("the column {column} of the same file", column=column))
        else:
            decided[name] = ("day first", ASSUMED)
    return decided


def is_null_like(text: str) -> bool:
    """Return whether a cell's text is a placeholder for an empty cell."""
    return text.strip().strip(schema.INVISIBLE) in schema.NULL_LIKE


_COMMON_ORDERED = f"(?:{'|'.join(form.pattern for form in ORDERED_FORMS['day first'])})"


def _frequent_form(cells: pl.Series, forms: Sequence[Form]) -> Form | None:
    """Return the most frequent form of the first cells, or None if they have none of these."""
    sample = cells.drop_nulls().head(_SAMPLE).to_list()
    counted = Counter(form for text in sample for form in forms if re.match(form.pattern, text))
    return counted.most_common(1)[0][0] if counted else None


def _nulls(like: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return pl.Series(like.name, [None], dtype=dtype).new_from_index(0, len(like))


def _in_range(times: pl.Series) -> pl.Series:
    outside = (times < dt.datetime(YEARS.start, 1, 1)) | (times >= dt.datetime(YEARS.stop, 1, 1))  # noqa: DTZ001 - UTC
    return times.set(outside, None) if outside.any() else times
