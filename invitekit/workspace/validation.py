"""Check what a person reports: who did it, when, and with which remark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from invitekit.engine.datetimes import as_utc
from invitekit.errors import ArgumentError
from invitekit.i18n import _

_DAY = dt.timedelta(days=1, seconds=-1)
_AHEAD = dt.timedelta(hours=14)
"""The largest offset ahead of UTC: somewhere, today may be a day that UTC has not reached."""


def are_texts(names: Iterable[object]) -> bool:
    """Check that all are valid texts; undecodable bytes of a command line are not."""
    return all(isinstance(name, str) and name.encode(errors="ignore").decode() == name for name in names)


def require_name(by: object) -> str:
    """Return a person's name without white space around it.

    Raises:
        ArgumentError: It is empty.
    """
    if not isinstance(by, str) or not by.strip():
        raise ArgumentError(_("by is empty."), hint=_("say who did it."))
    return str(require_text(by, "by")).strip()


def require_text(value: str | None, name: str) -> str | None:
    """Return a text as it is.

    Raises:
        ArgumentError: It is not valid text, such as bytes of another encoding.
    """
    if value is not None and not are_texts([value]):
        raise ArgumentError(
            _("{name} is not text, or holds bytes that are not.", name=name), hint=_("write it in UTF-8.")
        )
    return value


def now() -> dt.datetime:
    """Return the current second in UTC, without an offset."""
    return as_utc(None).replace(microsecond=0)


def past_datetime(at: dt.datetime | dt.date | None, name: str, *, end: bool = False) -> dt.datetime:
    """Return a time of the past in UTC, to the second; None is now, a date its midnight UTC.

    A date that has begun somewhere, but not yet in UTC, is now.

    Args:
        at: The time.
        name: How the error message calls it.
        end: A date means its last second instead, or now, if that is still to come.

    Raises:
        ArgumentError: It is not a time, or in the future.
    """
    if not isinstance(at, dt.date | None):
        raise ArgumentError(
            _("{name} is a {kind}.", name=name, kind=type(at).__name__), hint=_("give a date or a datetime.")
        )
    present, moment = now(), as_utc(at).replace(microsecond=0)
    latest = present if isinstance(at, dt.datetime) else present + _AHEAD
    if moment > latest:
        raise ArgumentError(_("{name} is in the future.", name=name), hint=_("give the moment when it was done (UTC)."))
    if end and not isinstance(at, dt.datetime | None):
        moment += _DAY
    return min(moment, present)
