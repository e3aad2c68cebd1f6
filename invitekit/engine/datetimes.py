"""Times on every engine: UTC without an offset, and whole days between two times."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, SchemaError, check_type
from invitekit.i18n import _

YEARS = range(2000, 2100)
"""Years that a time can have [assumed]; others are typing errors."""
ALL_YEARS = range(dt.MINYEAR, dt.MAXYEAR + 1)
"""All years of the calendar, for filters: while a person types the year 2026, it is 2, 20 and 202 first."""
AHEAD = dt.timedelta(hours=14)
"""The largest offset ahead of UTC: in some time zone, tomorrow in UTC is today."""
_DAY = 24 * 60 * 60
_FIRST = dt.datetime(1, 1, 1)  # noqa: DTZ001 - naive UTC, like every time here; a Monday


def as_utc(as_of: dt.datetime | dt.date | None, name: str = "as_of", years: range = YEARS) -> dt.datetime:
    """Return a time in UTC without an offset; None is now, a date its midnight UTC.

    Args:
        as_of: The time.
        name: The name of the argument, for the error message.
        years: The allowed years.

    Raises:
        ArgumentError: It is not a date or a time, or it is outside of these years.
    """
    if as_of is None:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None)
    is_missing = as_of != as_of  # noqa: PLR0124 - pandas.NaT is a datetime
    check_type(name, as_of, () if is_missing else dt.date, _("give a date or a datetime."))
    at = as_of
    if not isinstance(at, dt.datetime):
        at = dt.datetime(at.year, at.month, at.day)  # noqa: DTZ001 - naive UTC, like every time here
    with contextlib.suppress(OverflowError):  # a year that no calendar has in UTC keeps its zone
        at = at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo else at
    if at.tzinfo or at.year not in years:
        problem = _("{name} is outside of the years {first} to {last} UTC.", name=name, first=years[0], last=years[-1])
        raise ArgumentError(problem, hint=_("give another date."))
    return at


def literal(moment: dt.datetime) -> Any:
    """Build the expression of a time; from text, because PySpark shifts a datetime by the zone of the machine."""
    return nw.lit(moment.isoformat(" ", "seconds")).str.to_datetime(format="%Y-%m-%d %H:%M:%S")


def is_day(name: str) -> Any:
    """Build the condition that a time may be only a date: midnight in some time zone."""
    # Truncated, because seconds cost five times as much.
    return (nw.col(name).dt.truncate("1m") == nw.col(name)) & (nw.col(name).dt.minute() % 15 == 0)


def end_of_day(name: str) -> Any:
    """Build the expression of the last second that a time can mean: if it may be only a date, the end of that day."""
    end = nw.when(is_day(name)).then(nw.col(name).dt.offset_by("1d").dt.offset_by("-1s"))
    return nw.coalesce(end, nw.col(name))


def without_zone(frame: Any, names: Iterable[str]) -> Any:
    """Convert columns with a time zone to UTC without an offset.

    DuckDB and Spark have one zone for the session, not for each column: their own SQL converts independently of it.

    Raises:
        SchemaError: The engine cannot do it.
    """
    chosen, engine = list(names), frame.implementation
    if not chosen:
        return frame
    if engine.is_duckdb():
        utc = ", ".join(f'timezone(\'UTC\', "{name}") as "{name}"' for name in chosen)
        return nw.from_native(frame.to_native().project(f"* replace ({utc})"))
    if engine.is_spark_like():
        return nw.from_native(frame.to_native().selectExpr(*(_spark_utc(n, chosen) for n in frame.columns)))
    try:
        # A cast, not convert_time_zone: Narwhals does not know every zone that pandas does.
        return frame.with_columns(nw.col(*chosen).cast(nw.Datetime("us", "UTC")).dt.replace_time_zone(None))
    except (NotImplementedError, TypeError, ValueError, nw.exceptions.NarwhalsError):
        problem = _("The times of {columns} have a time zone that cannot be converted.", columns=tuple(chosen))
        raise SchemaError(problem, hint=_("convert them to UTC without an offset first.")) from None


def _spark_utc(name: str, zoned: list[str]) -> str:
    quoted = "`" + name.replace("`", "``") + "`"
    if name not in zoned:
        return quoted
    # Counted from the epoch: a cast to TIMESTAMP_NTZ would use the zone of the session.
    return f"timestampadd(MICROSECOND, unix_micros({quoted}), timestamp_ntz'1970-01-01 00:00:00') as {quoted}"


def days_between(start: Any, end: Any, engine: nw.Implementation) -> Any:
    """Build the expression of the whole days from one time to another, rounded down."""
    if engine.is_spark_like():
        return _calendar_days(start, end)
    days = (end - start).dt.total_seconds() // _DAY
    # Integers of pandas cannot be null, so there the type of pandas stays.
    return days if engine.is_pandas_like() else days.cast(nw.Int64)


def day_number(time: Any, engine: nw.Implementation) -> Any:
    """Build the expression of a time's day as a number, equal on every engine; ``day_of`` returns its date."""
    return days_between(literal(_FIRST), time, engine)


def day_of(number: int) -> dt.date:
    """Return the date of a day's number."""
    return dt.date.fromordinal(1 + number)


def _calendar_days(start: Any, end: Any) -> Any:
    """Compute the days from calendar parts, which is five times slower: Spark cannot subtract these times."""
    days = _day_number(end) - _day_number(start)
    return nw.when(_second_of_day(end) < _second_of_day(start)).then(days - 1).otherwise(days).cast(nw.Int64)


def _day_number(time: Any) -> Any:
    past = time.dt.year().cast(nw.Int64) - 1
    return past * 365 + past // 4 - past // 100 + past // 400 + time.dt.ordinal_day().cast(nw.Int64)


def _second_of_day(time: Any) -> Any:
    return time.dt.hour().cast(nw.Int64) * 3600 + time.dt.minute().cast(nw.Int64) * 60 + time.dt.second()
