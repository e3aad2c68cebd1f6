"""The deadlines of the coming week."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import day_number, day_of, literal
from invitekit.metrics.funnel import small_table
from invitekit.model.annotate import PRE_REGISTRATION_LIFE, ends_at

DEADLINES = {"day": nw.Date(), "deadline": nw.String(), "n": nw.Int64()}
KINDS = ("invitation_expires", "pre_registration_lapses")
AHEAD = dt.timedelta(days=7)
"""The time ahead in which deadlines are counted."""


def count_deadlines(customers: Any) -> Any:
    """Return ``MetricsReport.deadlines``, from the newest record of each customer with ``deadlines``."""
    cells = customers.group_by(*KINDS).agg(n=nw.len().cast(nw.Int64)).lazy().collect("polars")
    counts: dict[tuple[dt.date, str], int] = {}
    for *days, n in cells.select(*KINDS, "n").iter_rows():
        for kind, day in zip(KINDS, days, strict=True):
            if day is not None:
                counts[day_of(day), kind] = counts.get((day_of(day), kind), 0) + n
    return small_table(
        [{"day": day, "deadline": kind, "n": counts[day, kind]} for day, kind in sorted(counts)], DEADLINES
    )


def deadlines(columns: list[str], as_of: dt.datetime, backend: Any) -> dict[str, Any]:
    """Build the expressions of the day in the week after ``as_of`` on which an invitation or pre-registration ends.

    Without the column ``pre_registered_at``, the time of the invitation is used.
    """
    known = ["pre_registered_at"] if "pre_registered_at" in columns else []
    # A pre-registration without a time is at least as old as the first snapshot that shows it.
    since = nw.coalesce(*known, "invited_at", "first_seen_at")
    life = nw.lit(PRE_REGISTRATION_LIFE)
    # By status, not by outcome: a link that counts as not used can still expire at its own date.
    ends = {KINDS[0]: ("invited", ends_at()), KINDS[1]: ("pre_registered", since + life)}
    return {
        kind: nw.when(
            (nw.col("effective_status") == status) & (at > literal(as_of)) & (at <= literal(as_of + AHEAD))
        ).then(day_number(at, backend))
        for kind, (status, at) in ends.items()
    }  # fmt: skip
