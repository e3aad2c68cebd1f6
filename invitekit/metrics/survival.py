"""The time from invitation to association, as a Kaplan-Meier curve; customers who still wait are censored."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import days_between
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import temp_tables
from invitekit.metrics import aggregate
from invitekit.metrics.aggregate import EMPTY, By
from invitekit.metrics.follow_up import status
from invitekit.metrics.funnel import NOT_INVITED, OPEN, SENT, small_table
from invitekit.metrics.intervals import NORMAL_QUANTILE, SMALL
from invitekit.model.resolve import NEEDED as RESOLVED_FROM
from invitekit.model.resolve import latest, used_columns
from invitekit.model.schema import require

NEEDED = (*RESOLVED_FROM, "age_days", "days_to_associate")
SURVIVAL = {
    "group": nw.String(), "days": nw.Int64(), "at_risk": nw.Int64(), "associated": nw.Int64(), "share": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "median_days": nw.Int64(), "size": nw.Int64(), "small": nw.Boolean(),
}  # fmt: skip
BUCKETS = ((0, 3), (4, 7), (8, 14), (15, 30), (31, 90), (91, None))
"""Groups of age in days, first and last day."""
AGEING = {"bucket": nw.String(), "status": nw.String(), "n": nw.Int64()}
MAX_GROUPS = 12
"""The most groups with a curve; the smaller ones have none."""

_Exits = dict[int, list[int]]
"""By day: the numbers of associated and of censored invitations."""


def time_to_association(records: Any, *, by: By | None = "invitation_method") -> Any:
    """Return the share of invitations that led to an association, by days since the invitation.

    A Kaplan-Meier estimate: an invitation without association is censored when it was last seen (at the annotation or
    the newest snapshot of the record, whichever is earlier). This includes failed and expired invitations; without
    them, the curve of every group would end near 100%. It needs no follow-up: choose one at which the curve is flat.

    Args:
        records: The result of ``annotate``, of any engine.
        by: The column to group by, one of ``BY`` that every invitation has; None for no groups.

    Returns:
        A Polars frame, one row per group (null for all) and day with an association in any group, and day 0:
        ``group, days, at_risk, associated, share, low, high`` (95%, log-log; null if undefined), ``median_days`` of
        the group (null if fewer than half are associated), its ``size`` and ``small`` (fewer than 10 associated).
        Associations without both times, or before the invitation, are left out.

    Raises:
        SchemaError: A required column is missing.
        ArgumentError: There is no such column.
    """
    aggregate.check("week", [by])
    frame: Any = as_narwhals(records)
    needed = (*NEEDED, *([by] if by else []))
    names = frame.collect_schema().names()
    require(names, needed)
    with temp_tables():
        invitations = nw.from_native(latest(frame.select(*used_columns(needed, names)).to_native()))
        return survival(durations(invitations, by), by)


def durations(invitations: Any, by: str | None) -> Any:
    """Count invitations by group, outcome, days until association or censoring, and age.

    Returns:
        A Narwhals frame in memory: ``group, outcome, days, age, n``; ``days`` is null if a time is missing; without a
        column ``outcome``, it is the effective status.
    """
    outcome = nw.col("outcome") if "outcome" in invitations.collect_schema().names() else status()
    until_snapshot = days_between(nw.col("invited_at"), nw.col("snapshot_at"), invitations.implementation)
    waited = nw.min_horizontal(nw.col("age_days"), until_snapshot)
    associated = nw.col("effective_status") == "associated"
    keys = {
        "group": nw.col(by).fill_null(EMPTY) if by else nw.lit(EMPTY),
        "outcome": outcome,
        "days": nw.when(associated).then(nw.col("days_to_associate")).otherwise(waited).cast(nw.Int64),
        "age": nw.when(nw.col("effective_status").is_in([*OPEN, *NOT_INVITED])).then(nw.col("age_days").cast(nw.Int64)),
    }
    return invitations.select(**keys).group_by(*keys).agg(n=nw.len().cast(nw.Int64)).lazy().collect("polars")


def survival(counts: Any, by: str | None) -> Any:
    """Return the curves of counts; see ``time_to_association``."""
    overall: _Exits = {}
    groups: dict[str, _Exits] = {}
    summed = counts.group_by("group", "outcome", "days").agg(nw.col("n").sum())
    for group, outcome, days, n in summed.iter_rows():
        if outcome in SENT and days is not None and days >= 0:
            for exits in (overall, groups.setdefault(group, {})):
                exits.setdefault(days, [0, 0])[outcome != "associated"] += n
    rows, days = kaplan_meier(None, overall), {day for day, (associated, _) in overall.items() if associated}
    if by:
        for group in sorted(groups, key=lambda name: (-_size(groups[name]), name))[:MAX_GROUPS]:
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
