"""What a person claims to have done: who says it, and when it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from invitekit.errors import ArgumentError
from invitekit.moments import as_utc

_DAY = dt.timedelta(days=1, seconds=-1)
_AHEAD = dt.timedelta(hours=14)
"""How far the clocks that are furthest ahead are before UTC: today may be a day that UTC has not reached."""


def are_texts(names: Iterable[object]) -> bool:
    """Say whether all of them are texts; bytes of another encoding on a command line are none."""
    return all(isinstance(name, str) and name.encode(errors="ignore").decode() == name for name in names)


def who(by: object) -> str:
    """Give a name as it is kept.

    Raises:
        ArgumentError: There is none.
    """
    if not isinstance(by, str) or not by.strip():
        raise ArgumentError("by names nobody.", hint="say who did it.")
    return str(text(by, "by")).strip()


def text(given: str | None, name: str) -> str | None:
    """Give a text as it is kept.

    Raises:
        ArgumentError: It holds what no text can, such as bytes of another encoding.
    """
    if given is not None and not are_texts([given]):
        raise ArgumentError(f"{name} is no text, or holds bytes that are none.", hint="write it in UTF-8.")
    return given


def now() -> dt.datetime:
    """Give this second in UTC, without an offset: the one clock of the room, for what is done now."""
    return as_utc(None).replace(microsecond=0)


def moment(at: dt.datetime | dt.date | None, name: str, *, end: bool = False) -> dt.datetime:
    """Give a moment of the past in UTC, to the second; None is now, a date its midnight UTC.

    A date that has begun somewhere, but not yet in UTC, is now.

    Args:
        at: The moment.
        name: What the message calls it.
        end: A date means its last second instead, or now, if that is still to come.

    Raises:
        ArgumentError: It is no moment, or in the future.
    """
    if not isinstance(at, dt.date | None):
        raise ArgumentError(f"{name} is a {type(at).__name__}.", hint="give a date or a datetime.")
    present, given = now(), as_utc(at).replace(microsecond=0)
    latest = present if isinstance(at, dt.datetime) else present + _AHEAD
    if given > latest:
        raise ArgumentError(f"{name} is in the future.", hint="give the moment when it was done (UTC).")
    if end and not isinstance(at, dt.datetime | None):
        given += _DAY
    return min(given, present)
