"""Moments as every engine takes them: UTC without an offset, and whole days between two of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.errors import ArgumentError, SchemaError
from invitekit.i18n import _

_DAY = 24 * 60 * 60
_FIRST = dt.datetime(1, 1, 1)  # noqa: DTZ001 - naive UTC, like every time here; it was a Monday


def as_utc(as_of: dt.datetime | dt.date | None) -> dt.datetime:
    """Return a moment in UTC without an offset; None is now, a date its midnight UTC.

    Raises:
        ArgumentError: It is neither a date nor a time, or lies outside of the years 1 to 9999.
    """
    if as_of is None:
        return dt.datetime.now(dt.UTC).replace(tzinfo=None)
    if isinstance(as_of, dt.datetime):
        try:
            return as_of.astimezone(dt.UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
        except OverflowError:
            raise ArgumentError(
                _("as_of lies outside of the years 1 to 9999 UTC."), hint=_("give another date.")
            ) from None
    if isinstance(as_of, dt.date):
        return dt.datetime(as_of.year, as_of.month, as_of.day)  # noqa: DTZ001 - naive UTC, like every time here
    raise ArgumentError(_("as_of is a {kind}.", kind=type(as_of).__name__), hint=_("give a date or a datetime."))


def literal(moment: dt.datetime) -> Any:
    """A moment that every engine takes for the same: PySpark shifts a datetime by the machine's own zone."""
    return nw.lit(moment.isoformat(" ", "seconds")).str.to_datetime(format="%Y-%m-%d %H:%M:%S")


def is_day(name: str) -> Any:
    """Build the condition that a time may be a date only: midnight of some time zone."""
    return (nw.col(name).dt.minute() % 15 == 0) & (nw.col(name).dt.second() == 0)


def end_of_day(name: str) -> Any:
    """Build the expression of the last second that a time can mean: that of its day where it is a date only."""
    end = nw.when(is_day(name)).then(nw.col(name).dt.offset_by("1d").dt.offset_by("-1s"))
    return nw.coalesce(end, nw.col(name))


def without_zone(frame: Any, names: Iterable[str]) -> Any:
    """Return columns with a zone as UTC without an offset; else the session's zone would change them.

    DuckDB and Spark keep a zone for the session, not for the column: there it is the engine's own
    SQL that takes it off, whatever the session says.

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
        raise SchemaError(
            _("The times of {columns} have a zone, which cannot be taken off here.", columns=", ".join(chosen)),
            hint=_("make them UTC without an offset first."),
        ) from None


def _spark_utc(name: str, zoned: list[str]) -> str:
    quoted = "`" + name.replace("`", "``") + "`"
    if name not in zoned:
        return quoted
    # Counted from the epoch: a cast to TIMESTAMP_NTZ would give the session's own hour.
    return f"timestampadd(MICROSECOND, unix_micros({quoted}), timestamp_ntz'1970-01-01 00:00:00') as {quoted}"


def days_between(start: Any, end: Any, engine: nw.Implementation) -> Any:
    """The expression of whole days from one time to another, rounded towards the past."""
    if engine.is_spark_like():
        return _calendar_days(start, end)
    days = (end - start).dt.total_seconds() // _DAY
    # A whole number of pandas is never null: there it stays what pandas makes of it.
    return days if engine.is_pandas_like() else days.cast(nw.Int64)


def day_number(time: Any, engine: nw.Implementation) -> Any:
    """Build the expression of a time's day as a number, alike on every engine: ``day_of`` returns its date."""
    return days_between(literal(_FIRST), time, engine)


def day_of(number: int) -> dt.date:
    """Return the date of a day's number."""
    return dt.date.fromordinal(1 + number)


def _calendar_days(start: Any, end: Any) -> Any:
    """The same from calendar parts, five times the work: Spark does not subtract times here."""
    days = _day_number(end) - _day_number(start)
    return nw.when(_second_of_day(end) < _second_of_day(start)).then(days - 1).otherwise(days).cast(nw.Int64)


def _day_number(time: Any) -> Any:
    past = time.dt.year().cast(nw.Int64) - 1
    return past * 365 + past // 4 - past // 100 + past // 400 + time.dt.ordinal_day().cast(nw.Int64)


def _second_of_day(time: Any) -> Any:
    return time.dt.hour().cast(nw.Int64) * 3600 + time.dt.minute().cast(nw.Int64) * 60 + time.dt.second()
