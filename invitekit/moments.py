"""Moments as every engine takes them: UTC without an offset, and whole days between two of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError

_DAY = 24 * 60 * 60


def as_utc(as_of: dt.datetime | dt.date | None) -> dt.datetime:
    """Give a moment in UTC without an offset; None is now, a date its midnight UTC.

    Raises:
        ArgumentError: It is neither a date nor a time.
    """
    if as_of is None:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None)
    if isinstance(as_of, dt.datetime):
        return as_of.astimezone(dt.UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    if isinstance(as_of, dt.date):
        return dt.datetime(as_of.year, as_of.month, as_of.day)  # noqa: DTZ001 - naive UTC, like every time here
    raise ArgumentError(f"as_of is a {type(as_of).__name__}.", hint="give a date or a datetime.")


def literal(moment: dt.datetime) -> Any:
    """A moment that every engine takes for the same: PySpark shifts a datetime by the machine's own zone."""
    return nw.lit(f"{moment:%Y-%m-%d %H:%M:%S}").str.to_datetime(format="%Y-%m-%d %H:%M:%S")


def days_between(start: Any, end: Any, engine: nw.Implementation) -> Any:
    """The expression of whole days from one time to another, rounded towards the past."""
    return (_calendar_days if engine.is_spark_like() else _elapsed_days)(start, end)


def _elapsed_days(start: Any, end: Any) -> Any:
    return ((end - start).dt.total_seconds() // _DAY).cast(nw.Int64)


def _calendar_days(start: Any, end: Any) -> Any:
    """The same from calendar parts, five times the work: Spark does not subtract times here."""
    days = _day_number(end) - _day_number(start)
    return nw.when(_second_of_day(end) < _second_of_day(start)).then(days - 1).otherwise(days).cast(nw.Int64)


def _day_number(time: Any) -> Any:
    past = time.dt.year().cast(nw.Int64) - 1
    return past * 365 + past // 4 - past // 100 + past // 400 + time.dt.ordinal_day().cast(nw.Int64)


def _second_of_day(time: Any) -> Any:
    return time.dt.hour().cast(nw.Int64) * 3600 + time.dt.minute().cast(nw.Int64) * 60 + time.dt.second()
