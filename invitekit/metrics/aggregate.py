"""Count invitations by all columns that the tables group by, in one pass over the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal, get_args

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import day_number, day_of
from invitekit.errors import check_choice
from invitekit.metrics.follow_up import FAILED
from invitekit.model.vocabularies import UNKNOWN

Period = Literal["day", "week", "month"]
By = Literal[
    "cause", "who_acts", "invitation_method", "association_type", "account_manager", "custom_tag", "country"
]  # fmt: skip

PERIODS: tuple[Period, ...] = get_args(Period)
BY: tuple[By, ...] = get_args(By)
"""The columns that failures can be grouped by."""
OF_FAILURES = ("cause", "who_acts")
"""Columns of ``BY`` that only a failed invitation has."""
EMPTY = "(empty)"
"""The name of the group of empty values."""
OTHER = "(other)"
"""The name of the group of all rarer values."""
NEEDED = ("failure_code", "who_acts", *BY[2:], "effective_status", "invited_at")


def count_cells(invitations: Any, by: Sequence[str], period: Period) -> Any:
    """Count invitations (of ``with_outcomes``) by each value of ``by``, outcome and period of the invitation.

    Returns:
        A Narwhals frame in memory: the columns of ``by``, ``outcome, followed_outcome, period, n``. ``period`` is a
        number, which ``start_of`` converts to a date; null without an invitation time. ``cause`` has codes.
    """
    failed = nw.col("effective_status") == FAILED
    keys = {name: nw.col(name).fill_null(EMPTY) for name in by if name not in OF_FAILURES}
    codes = {name: "failure_code" if name == "cause" else name for name in by if name in OF_FAILURES}
    keys |= {name: nw.when(failed).then(nw.col(column).fill_null(UNKNOWN)) for name, column in codes.items()}
    number = _period_number(period, invitations.implementation)
    cells = invitations.select("outcome", "followed_outcome", **keys, period=number)
    counts = cells.group_by(*by, "outcome", "followed_outcome", "period").agg(n=nw.len().cast(nw.Int64))
    return counts.lazy().collect("polars")


def start_of(period: Period, number: int) -> dt.date:
    """Return the first day of a period by its number."""
    if period == "month":
        return dt.date(number // 12, number % 12 + 1, 1)
    return day_of(number * (7 if period == "week" else 1))


def number_of(period: Period, at: dt.date) -> int:
    """Return the number of the period of a time."""
    if period == "month":
        return at.year * 12 + at.month - 1
    return (at.toordinal() - 1) // (7 if period == "week" else 1)


def check(period: str, by: Sequence[str | None]) -> None:
    """Check a period and the columns to group by; raises ``ArgumentError``."""
    check_choice("period", period, PERIODS)
    for name in by:
        if name is not None:
            check_choice("by", name, BY)


def _period_number(period: Period, engine: nw.Implementation) -> Any:
    """Build the expression of the number of the period in which an invitation was sent, as ``number_of``."""
    at = nw.col("invitation_sent_at")
    if period == "month":
        return at.dt.year().cast(nw.Int64) * 12 + at.dt.month().cast(nw.Int64) - 1
    return day_number(at, engine) // 7 if period == "week" else day_number(at, engine)
