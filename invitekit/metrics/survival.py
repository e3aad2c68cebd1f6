"""The time from invitation to association, as a Kaplan-Meier curve; customers who still wait are censored."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import days_between
from invitekit.metrics.aggregate import EMPTY
from invitekit.metrics.funnel import NOT_INVITED, OPEN, SENT, small_table
from invitekit.metrics.intervals import NORMAL_QUANTILE, SMALL
from invitekit.model.resolve import NEEDED as RESOLVED_FROM

NEEDED = (*RESOLVED_FROM, "age_days", "days_to_associate")
SURVIVAL = {
    "group": nw.String(), "days": nw.Int64(), "at_risk": nw.Int64(), "associated": nw.Int64(), "share": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "median_days": nw.Int64(), "size": nw.Int64(), "small": nw.Boolean(),
}  # fmt: skip
BUCKETS = ((0, 3), (4, 7), (8, 14), (15, 30), (31, 90), (91, None))
"""Groups of age in days, first and last day."""
AGEING = {"bucket": nw.String(), "status": nw.String(), "n": nw.Int64()}

_Exits = dict[int, list[int]]
"""By day: the numbers of associated and of censored invitations."""


def durations(invitations: Any) -> Any:
    """Count invitations (of ``with_outcomes``) by method, outcome, days until association or censoring, and age.

    Returns:
        A Narwhals frame in memory: ``group, outcome, days, age, n``; ``days`` is null if a time is missing.
    """
    until_snapshot = days_between(nw.col("invited_at"), nw.col("snapshot_at"), invitations.implementation)
    waited = nw.min_horizontal(nw.col("age_days"), until_snapshot)
    associated = nw.col("effective_status") == "associated"
    keys = {
        "group": nw.col("invitation_method").fill_null(EMPTY),
        "outcome": nw.col("outcome"),
        "days": nw.when(associated).then(nw.col("days_to_associate")).otherwise(waited).cast(nw.Int64),
        "age": nw.when(nw.col("effective_status").is_in([*OPEN, *NOT_INVITED])).then(nw.col("age_days").cast(nw.Int64)),
    }
    return invitations.select(**keys).group_by(*keys).agg(n=nw.len().cast(nw.Int64)).lazy().collect("polars")


def survival(counts: Any) -> Any:
    """Return the share of invitations that led to an association by days since, see ``MetricsReport.survival``.

    A Kaplan-Meier estimate: an invitation without association is censored when it was last seen (at the annotation or
    the newest snapshot of the record, whichever is earlier). This includes failed and expired invitations; without
    them, the curve of every group would end near 100%. Associations without both times, or before the invitation, are
    left out.
    """
    overall: _Exits = {}
    groups: dict[str, _Exits] = {}
    summed = counts.group_by("group", "outcome", "days").agg(nw.col("n").sum())
    for group, outcome, days, n in summed.iter_rows():
        if outcome in SENT and days is not None and days >= 0:
            for exits in (overall, groups.setdefault(group, {})):
                exits.setdefault(days, [0, 0])[outcome != "associated"] += n
    rows, days = kaplan_meier(None, overall), {day for day, (associated, _) in overall.items() if associated}
    for group in sorted(groups, key=lambda name: (-_size(groups[name]), name)):
        rows += kaplan_meier(group, groups[group], days)
    return small_table(rows, SURVIVAL)


def count_without_duration(counts: Any) -> int:
    """Count associated invitations whose time to association is not known."""
    odd = counts.filter((nw.col("outcome") == "associated") & (nw.col("days").is_null() | (nw.col("days") < 0)))
    return int(odd["n"].sum())


def ageing(counts: Any) -> Any:
    """Return the open and not invited customers by age (days since the invitation) and status."""
    names = [f"{low}-{high}" if high is not None else f"{low}+" for low, high in BUCKETS]
    sizes = {(name, outcome): 0 for name in names for outcome in OPEN}
    waiting = counts.filter(nw.col("outcome").is_in([*OPEN, *NOT_INVITED])).group_by("outcome", "age")
    for outcome, age, n in waiting.agg(nw.col("n").sum()).iter_rows():
        name = EMPTY if age is None else names[sum(age > low - 1 for low, _ in BUCKETS[1:])]
        sizes[name, outcome] = sizes.get((name, outcome), 0) + n
    order = {name: position for position, name in enumerate([*names, EMPTY])}
    statuses = (*OPEN, *NOT_INVITED)
    ranked = sorted(sizes, key=lambda cell: (order[cell[0]], statuses.index(cell[1])))
    return small_table(
        [{"bucket": name, "status": status, "n": sizes[name, status]} for name, status in ranked], AGEING
    )


def _size(exits: Mapping[int, list[int]]) -> int:
    return sum(sum(both) for both in exits.values())


def kaplan_meier(group: str | None, exits: Mapping[int, list[int]], days: Collection[int] = ()) -> list[dict[str, Any]]:
    """Compute one curve: each day, some of those at risk are associated (Kaplan-Meier, Greenwood).

    ``days`` have a row even without an association.
    """
    size = at_risk = _size(exits)
    waiting, variance = 1.0, 0.0
    rows: list[dict[str, Any]] = []
    events = sum(both[0] for both in exits.values())
    for day in sorted({0, *days} | exits.keys()) if size else []:
        associated, censored = exits.get(day, (0, 0))
        waiting *= 1 - associated / max(at_risk, 1)
        variance += associated / (at_risk * (at_risk - associated)) if at_risk > associated else 0.0
        if associated or day == 0 or day in days:
            low, high = _interval(waiting, variance)
            counts = {"group": group, "days": day, "at_risk": at_risk, "associated": associated}
            rows.append(counts | {"share": 1 - waiting, "low": low, "high": high})
        at_risk -= associated + censored
    median = next((row["days"] for row in rows if row["share"] >= 0.5), None)
    return [row | {"median_days": median, "size": size, "small": events < SMALL} for row in rows]


def _interval(waiting: float, variance: float) -> tuple[float, float] | tuple[None, None]:
    """Return the log-log interval of the associated share."""
    if not 0 < waiting < 1:
        return None, None
    theta = NORMAL_QUANTILE * math.sqrt(variance) / math.log(waiting)
    return 1 - waiting ** math.exp(theta), 1 - waiting ** math.exp(-theta)
