"""What is open: customers by who has to act, and the deadlines of the coming week."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import day_number, day_of, literal
from invitekit.metrics.follow_up import FAILED, NOT_USED
from invitekit.metrics.funnel import small_table
from invitekit.model.annotate import PRE_REGISTRATION_LIFE, ends_at
from invitekit.model.vocabularies import UNKNOWN, WHO_ACTS

OPEN_CUSTOMERS = {"who_acts": nw.String(), "status": nw.String(), "n": nw.Int64()}
DEADLINES = {"day": nw.Date(), "deadline": nw.String(), "n": nw.Int64()}
KINDS = ("invitation_expires", "pre_registration_lapses")
AHEAD = dt.timedelta(days=7)
"""How far deadlines are looked up."""
_WHO_ACTS = {
    "expired": "partner", NOT_USED: "partner", "pre_registered": "partner", "not_pre_registered": "partner",
    "invited": "customer", "pending_review": "customer_service",
}  # fmt: skip
"""Who has to act for a customer whose association has not failed."""
_STATUSES = (FAILED, *_WHO_ACTS, UNKNOWN)


def open_customers(customers: Any) -> tuple[Any, Any]:
    """Count the customers that are not associated by who has to act, and those with a deadline in the next 7 days.

    Args:
        customers: The newest record of each customer with ``outcome`` and ``deadlines``, as a Narwhals frame.

    Returns:
        Two Polars frames, see ``MetricsReport.open_customers`` and ``.deadlines``.
    """
    counted = customers.filter(nw.col("outcome") != "associated").group_by("outcome", "who_acts", *KINDS)
    cells = counted.agg(n=nw.len().cast(nw.Int64)).lazy().collect("polars")
    sizes: dict[tuple[str, str], int] = {}
    due: dict[tuple[dt.date, str], int] = {}
    for outcome, who, *days, n in cells.select("outcome", "who_acts", *KINDS, "n").iter_rows():
        key = (_WHO_ACTS.get(outcome, UNKNOWN) if outcome != FAILED else who or UNKNOWN), outcome
        sizes[key] = sizes.get(key, 0) + n
        for kind, day in zip(KINDS, days, strict=True):
            if day is not None:
                due[day_of(day), kind] = due.get((day_of(day), kind), 0) + n
    ranks = {code: rank for rank, code in enumerate([*(value.code for value in WHO_ACTS), UNKNOWN])}
    order = sorted(sizes, key=lambda key: (ranks.get(key[0], len(ranks)), _STATUSES.index(key[1])))
    rows = [{"who_acts": who, "status": status, "n": sizes[who, status]} for who, status in order]
    return (
        small_table(rows, OPEN_CUSTOMERS),
        small_table([{"day": day, "deadline": kind, "n": due[day, kind]} for day, kind in sorted(due)], DEADLINES),
    )


def deadlines(columns: list[str], as_of: dt.datetime, backend: Any) -> dict[str, Any]:
    """Build the expressions of the day on which something runs out within a week; null where nothing does.

    Args:
        columns: The columns of the records; without ``pre_registered_at``, the time of the invitation counts.
        as_of: The time from which the week begins.
        backend: The engine of the records.
    """
    known = ["pre_registered_at"] if "pre_registered_at" in columns else []
    # Without a time, the first snapshot that shows it tells since when it is at the latest.
    since = nw.coalesce(*known, "invited_at", "first_seen_at")
    life = nw.lit(PRE_REGISTRATION_LIFE)
    # A link that was not used within the follow-up still runs out at its own date.
    ends = {KINDS[0]: ("invited", ends_at()), KINDS[1]: ("pre_registered", since + life)}
    return {
        kind: nw.when(
            (nw.col("effective_status") == status) & (at > literal(as_of)) & (at <= literal(as_of + AHEAD))
        ).then(day_number(at, backend))
        for kind, (status, at) in ends.items()
    }  # fmt: skip
