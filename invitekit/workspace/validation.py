"""Validate what a person reports: their name, a time and a remark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from invitekit.engine.datetimes import AHEAD, as_utc
from invitekit.errors import ArgumentError
from invitekit.i18n import _

_DAY = dt.timedelta(days=1, seconds=-1)


def are_texts(names: Iterable[object]) -> bool:
    """Return whether all are valid texts; undecodable bytes of a command line are not."""
    return all(isinstance(name, str) and name.encode(errors="ignore").decode() == name for name in names)


def require_name(by: object) -> str:
    """Return a person's name without surrounding white space; raise an error if it is empty."""
    if not isinstance(by, str) or not by.strip():
        raise ArgumentError(_("The name of the person is empty."), hint=_("say who did it."))
    return str(require_text(by, "by")).strip()


def require_text(value: str | None, name: str) -> str | None:
    """Return a text as it is; raise an error if it is not valid, such as bytes of another encoding."""
    if value is not None and not are_texts([value]):
        raise ArgumentError(
            _("{name} is not text, or holds bytes that are not.", name=name), hint=_("write it in UTF-8.")
        )
    return value


def now() -> dt.datetime:
    """Return the current second in UTC, without an offset."""
    return as_utc(None).replace(microsecond=0)


def past_datetime(at: dt.datetime | dt.date | None, name: str, *, end: bool = False) -> dt.datetime:
    """Return a time in the past in UTC, to the second; None means now, a date its midnight UTC.

    A date that has begun in some time zone, but not yet in UTC, means now. With ``end``, a date means its last second,
    but not later than now.

    Raises:
        ArgumentError: It is not a time, or it is in the future.
    """
    present, moment = now(), as_utc(at, name).replace(microsecond=0)
    latest = present if isinstance(at, dt.datetime) else present + AHEAD
    if moment > latest:
        raise ArgumentError(_("{at} is in the future.", at=str(at)), hint=_("give the moment when it was done (UTC)."))
    if end and not isinstance(at, dt.datetime | None):
        moment += _DAY
    return min(moment, present)
