"""Curves of the time to association that may be handed on: none tells a count that the tables hide."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from invitekit.metrics import Progress
from invitekit.report.audit_lp import Cell
from invitekit.report.suppression import LEAST, Row

Rises = dict[int, int]
"""How many were associated, by days since the invitation."""
_BEHIND = ("invited", "open", "settled", "associated")
"""Stages of the funnel that a curve tells: who knows it and all of these but one knows that one nearly."""


def curves(found: Progress, folded: Sequence[Row], away: Collection[Cell]) -> list[Row]:
    """Give curves that rise by ten associations at least, and only where what they tell is shown anyway.

    A share of a known number is a count. So there is no curve where its counts are hidden, groups
    rise on the same days as all together, and each of them, those without a curve too, rises by
    nothing or by ten. Sizes are whole tens; shares are whole percent or as much as ten
    invitations are, for what was last seen before a rise could be told from an exact one.

    Args:
        found: What ``progress`` gives.
        folded: The rows of methods, those that are too small merged.
        away: The counts that are hidden.
    """
    if any(("funnel", stage) in away for stage in _BEHIND):
        return []
    stages = {row["stage"]: row["n"] for row in found.funnel.to_dicts()}
    points: dict[str | None, list[Row]] = {}
    for row in sorted(found.survival.to_dicts(), key=lambda row: row["days"]):
        points.setdefault(row["group"], []).append(row)
    every = points.pop(None, [])
    days = _together([_rises(every)], [stages["associated"]], None)
    made = _curve(every, days, stages["invited"])
    if not made:
        return []  # a group's curve would show what is hidden of all together
    groups = {row["value"]: row for row in found.by_method.to_dicts()}
    told = _told({row["value"]: groups[row["value"]] for row in folded if row["value"] in points}, away, stages["open"])
    rises = [_rises(points[name]) for name in told]
    rest = {day: n - sum(one.get(day, 0) for one in rises) for day, n in _rises(every).items()}
    totals = [groups[name]["associated"] for name in told]
    common = _together([*rises, rest], [*totals, stages["associated"] - sum(totals)], days)
    for name in told:
        made += _curve(points[name], common, groups[name]["invited"])
    return made


def _told(groups: dict[str, Row], away: Collection[Cell], still_open: int) -> list[str]:
    """Give the groups that may have a curve, the largest first: their counts are shown, what is open is not few."""
    shown = [
        name
        for name, row in groups.items()
        if not any(("by_method", name, part) in away for part in ("settled", "associated"))
        and row["associated"] >= LEAST
        and not 0 < row["open"] < LEAST
    ]
    while shown and 0 < still_open - sum(groups[name]["open"] for name in shown) < LEAST:
        shown.pop()
    return shown


def _rises(points: Sequence[Row]) -> Rises:
    return {row["days"]: row["associated"] for row in points}


def _together(curves: Sequence[Rises], totals: Sequence[int], allowed: Sequence[int] | None) -> list[int]:
    """Give the days on which each of several curves has risen by nothing or by ten since the day before.

    What is left after the last one, those whose time is not known among them, is nothing or ten too.
    """
    made: list[int] = []
    steps: list[list[int]] = []
    since = [0] * len(curves)
    for day in sorted(set().union(*curves)):
        since = [n + one.get(day, 0) for n, one in zip(since, curves, strict=True)]
        if (allowed is None or day in allowed) and any(since) and not any(0 < n < LEAST for n in since):
            made.append(day)
            steps.append(since)
            since = [0] * len(curves)
    while made and any(0 < whole - sum(up) < LEAST for whole, *up in zip(totals, *steps, strict=True)):
        made.pop()
        steps.pop()
    return made


def _curve(points: Sequence[Row], days: Sequence[int], invited: int) -> list[Row]:
    """Give the points of one curve on those days; none where its half is reached on no day of them."""
    places = [next(row for row in points[::-1] if row["days"] <= day) for day in days]
    if not places:
        return []
    half = next((day for day, row in zip(days, places, strict=True) if row["share"] >= 0.5), None)
    if half is None and points[0]["median_days"] is not None:
        return []
    step = math.ceil(100 * LEAST / invited)
    hidden = {"at_risk": None, "associated": None, "size": invited // LEAST * LEAST, "median_days": half}
    start = points[0] | hidden | {"days": 0, "share": 0.0, "low": None, "high": None}
    return [start] * (days[0] > 0) + [
        row | hidden | {"days": day} | {name: _rounded(row[name], step) for name in ("share", "low", "high")}
        for day, row in zip(days, places, strict=True)
    ]


def _rounded(share: float | None, step: int) -> float | None:
    """Round a share to so many percent."""
    return None if share is None else min(round(100 * share / step) * step, 100) / 100
