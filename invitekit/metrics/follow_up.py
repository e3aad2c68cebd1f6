"""The follow-up of invitations: its length, and the outcome of each invitation within it.

A general link that is not used stays invited forever. Rates count it as not used once it is older than the follow-up.
Methods are compared at equal follow-up, by the invitations whose follow-up is over.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import literal
from invitekit.errors import ArgumentError
from invitekit.i18n import _
from invitekit.model.annotate import ends_at
from invitekit.model.vocabularies import STATUSES, UNKNOWN

FOLLOW_UP_DAYS = 30
"""Days that an invitation without an end date is followed [assumed]; ``MetricsReport.survival`` helps to choose."""
MAX_DAYS = 100_000
FAILED = "association_failed"
NOT_USED = "not_used"
"""Outcome of an invitation that was not used within the follow-up, and did not expire."""
OUTCOMES = ("associated", FAILED, "expired", NOT_USED)
"""The outcomes of an invitation; ``invited`` is still open."""
NEEDED = ("effective_status", "invitation_method", "invited_at", "expires_at", "associated_at", "snapshot_at")
"""The columns that ``with_outcomes`` reads, in addition to those of ``resolve``."""


def check_follow_up(days: Any) -> None:
    """Check a number of days.

    Raises:
        ArgumentError: It is not a whole number, or out of range.
    """
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_DAYS:
        raise ArgumentError(
            _("{name} is {value!r}.", name="follow_up_days", value=days),
            hint=_("use a whole number from {least} to {most:,}.", least=1, most=MAX_DAYS),
        )


def with_outcomes(records: Any, as_of: dt.datetime, days: int, only: Any = None) -> Any:
    """Add the outcome of each invitation so far, and within its follow-up.

    The follow-up ends ``days`` after the invitation was sent, or earlier with the invitation itself: an email after 7
    days, any invitation at its own ``expires_at``. It is over if it ended before ``as_of`` and before the newest
    snapshot, because later events are in no snapshot. A failure has no time and always counts. An association without
    a time counts as within the follow-up.

    Returns:
        The rows that match ``only`` (applied after the newest snapshot is determined) with ``outcome``, the effective
        status or ``not_used``; and ``followed_outcome``, one of ``OUTCOMES``: a later association is ``not_used`` too.
        It is null if the follow-up is not over, the time is unknown, or nothing was sent.
    """
    records = with_known_until(records, as_of)
    return outcomes(records if only is None else records.filter(only), days)


def with_known_until(records: Any, as_of: dt.datetime) -> Any:
    """Add ``_ik_known_until``, the end of the observation, from all records, before some of them are filtered out."""
    return records.with_columns(_ik_known_until=nw.min_horizontal(nw.col("snapshot_at").max(), literal(as_of)))


def outcomes(records: Any, days: int) -> Any:
    """Replace ``_ik_known_until`` by the columns of ``with_outcomes``."""
    sent, state, known_until = nw.col("invitation_sent_at"), status(), nw.col("_ik_known_until")
    last_day = sent + nw.lit(dt.timedelta(days=days))
    is_unused = (state == "invited") & (last_day <= known_until)
    outcome = nw.when(is_unused).then(nw.lit(NOT_USED)).otherwise(state)
    is_over = ~sent.is_null() & (nw.min_horizontal(ends_at(), last_day) <= known_until)
    is_late = (state == "associated") & (nw.col("associated_at") > last_day)
    followed = nw.when(is_late).then(nw.lit(NOT_USED)).otherwise(outcome)
    is_outcome = followed.is_in(list(OUTCOMES))
    followed = nw.when(is_over & is_outcome).then(followed)
    return records.with_columns(outcome=outcome, followed_outcome=followed).drop("_ik_known_until")


def status() -> Any:
    """Build the expression of a record's effective status, ``unknown`` if it is not in the vocabulary."""
    known = [value.code for value in STATUSES]
    return nw.when(nw.col("effective_status").is_in(known)).then(nw.col("effective_status")).otherwise(nw.lit(UNKNOWN))
