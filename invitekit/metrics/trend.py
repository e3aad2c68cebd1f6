"""Counts to failure rates by period, with control limits that say which periods really differ."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc
from invitekit.engine.materialize import temp_tables
from invitekit.metrics import aggregate as cubes
from invitekit.metrics.aggregate import FAILED, OF_FAILURES, OTHER, By, Period
from invitekit.metrics.funnel import SETTLED, small_table
from invitekit.metrics.intervals import Limits, control_limits, rated, signals
from invitekit.model.annotate import EMAIL_LIFE
from invitekit.model.identity import require
from invitekit.model.resolve import NEEDED as RESOLVED_FROM
from invitekit.model.resolve import latest, used_columns
from invitekit.model.vocabularies import UNKNOWN, WHO_ACTS

TREND = {
    "period_start": nw.Date(), "group": nw.String(), "n": nw.Int64(), "of": nw.Int64(), "rate": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "centre": nw.Float64(), "lower_limit": nw.Float64(),
    "upper_limit": nw.Float64(), "signal": nw.String(), "small": nw.Boolean(), "incomplete": nw.Boolean(),
}  # fmt: skip
MOST_GROUPS = 12
"""Groups beyond the most frequent ones are counted together."""
ACTING = (*(value.code for value in WHO_ACTS), UNKNOWN)
"""Who acts, in the order of every table and picture."""
_NEEDED = tuple(dict.fromkeys((*RESOLVED_FROM, *cubes.NEEDED)))

_Cells = dict[tuple[str | None, int], int]


def failure_trend(
    records: Any,
    *,
    as_of: dt.datetime | dt.date | None = None,
    period: Period = "week",
    by: By | None = None,
) -> Any:
    """Give the share of failed invitations by the period in which they were sent.

    ``n`` counts the failed, ``of`` the settled ones (associated, failed or expired) of the same
    period and group; by cause or who acts, ``of`` counts all settled ones of the period. An
    invitation counts in the period in which it was sent; its newest state counts.

    A period is marked (``signal``) where chance does not explain it: ``high`` or ``low`` beyond
    the control limits (0.27 % of periods by chance alone), ``run`` where it ends ten in a row on
    one side of the centre. The latest periods, whose emails may still be answered, are
    ``incomplete``: they are neither marked nor part of the centre.

    Args:
        records: What ``annotate`` gives, of any engine; several snapshots are brought to the newest state.
        as_of: The moment that they were annotated at; a date means its midnight UTC. Now, when it is left out.
        period: ``day``, ``week`` (from Monday) or ``month``.
        by: What to tell apart, one of ``BY``; None for all together.

    Returns:
        A Polars frame, one row a group and period: ``period_start, group`` (null for all), ``n, of,
        rate, low, high`` (Wilson, 95 %), ``centre, lower_limit, upper_limit, signal, small`` (fewer
        than 10) and ``incomplete``. Groups beyond the twelve largest are one, ``(other)``.

    Raises:
        SchemaError: A column that is needed is missing.
        ArgumentError: ``period``, ``by`` or ``as_of`` means nothing.
    """
    cubes.check(period, [by])
    moment = as_utc(as_of)
    frame: Any = nw.from_native(records)
    names = frame.collect_schema().names()
    require(names, _NEEDED)
    with temp_tables():
        invitations = nw.from_native(latest(frame.select(*used_columns(_NEEDED, names)).to_native()))
        return trend(cubes.cube(invitations, [by] if by else [], period), by, period, moment)


def trend(counts: Any, by: str | None, period: Period, as_of: dt.datetime) -> Any:
    """Give the trend of counts; see ``failure_trend``."""
    dated = counts.filter(~nw.col("period").is_null() & nw.col("status").is_in(list(SETTLED)))
    failed, settled = (_cells(some, by) for some in (dated.filter(nw.col("status") == FAILED), dated))
    of_all = _cells(dated, None)
    numbers = sorted({number for _, number in of_all})
    starts, complete = [cubes.start_of(period, number) for number in numbers], are_complete(numbers, period, as_of)
    names = _groups(failed if by in OF_FAILURES else settled, by)
    failed, settled = _folded(failed, names), _folded(settled, names)
    rows = []
    for group in dict.fromkeys(names.values()):
        n = [failed.get((group, number), 0) for number in numbers]
        whole, of_whom = (of_all, None) if by in OF_FAILURES else (settled, group)
        of = [whole.get((of_whom, number), 0) for number in numbers]
        rows += [row | {"group": group} for row in _told(starts, complete, n, of)]
    return small_table(rows, TREND)


def _cells(counts: Any, by: str | None) -> _Cells:
    keys = [by, "period"] if by else ["period"]
    summed = counts.group_by(*keys).agg(nw.col("n").sum()).iter_rows()
    return {(row[0] if by else None, row[-2]): row[-1] for row in summed}


def _groups(cells: _Cells, by: str | None) -> dict[str | None, str | None]:
    """Name the group of each value, in the order of the table."""
    sizes: dict[str | None, int] = {}
    for (value, _), n in cells.items():
        sizes[value] = sizes.get(value, 0) + n
    order = {code: position for position, code in enumerate(ACTING)} if by == "who_acts" else {}
    # A failure that names nobody has no place in the order: it comes last.
    ranked = sorted(sizes, key=lambda value: (order.get(str(value), len(order)), -sizes[value], str(value)))
    return {value: value if place < MOST_GROUPS else OTHER for place, value in enumerate(ranked)}


def _folded(cells: _Cells, names: dict[str | None, str | None]) -> _Cells:
    """Sum up the values of one group."""
    folded: _Cells = {}
    for (value, number), n in cells.items():
        if value in names:
            cell = names[value], number
            folded[cell] = folded.get(cell, 0) + n
    return folded


def _told(starts: list[dt.date], complete: list[bool], n: list[int], of: list[int]) -> list[dict[str, Any]]:
    """Give one row a period of one group, its limits from the complete ones."""
    places = [at for at, over in enumerate(complete) if over]
    limits = control_limits([n[at] for at in places], [of[at] for at in places])
    marks: dict[int, dict[str, Any]] = {}
    if limits is not None:
        found = signals([n[at] for at in places], [of[at] for at in places], limits)
        marks = {at: _mark(limits, place, found[place], of[at]) for place, at in enumerate(places)}
    unmarked = {"lower_limit": None, "upper_limit": None, "signal": None}
    centre = {"centre": limits.centre if limits else None}
    return [
        {
            "period_start": start,
            **rated(n[at], of[at]),
            **centre,
            **marks.get(at, unmarked),
            "incomplete": not complete[at],
        }
        for at, start in enumerate(starts)
    ]


def _mark(limits: Limits, place: int, signal: str | None, of: int) -> dict[str, Any]:
    lower, upper = (limits.lower[place], limits.upper[place]) if of else (None, None)
    return {"lower_limit": lower, "upper_limit": upper, "signal": signal}


def are_complete(numbers: list[int], period: Period, as_of: dt.datetime) -> list[bool]:
    """Return for each period whether its last email has had its life."""
    open_yet = cubes.number_of(period, as_of - EMAIL_LIFE)
    return [number < open_yet for number in numbers]
