"""Failure rates by period, with control limits."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.engine.datetimes import as_utc
from invitekit.engine.frames import as_narwhals
from invitekit.engine.materialize import temp_tables
from invitekit.metrics import aggregate
from invitekit.metrics.aggregate import OF_FAILURES, OTHER, By, Period
from invitekit.metrics.follow_up import FAILED, FOLLOW_UP_DAYS, OUTCOMES, check_follow_up, with_outcomes
from invitekit.metrics.follow_up import NEEDED as FOLLOWED
from invitekit.metrics.funnel import SENT, small_table
from invitekit.metrics.intervals import control_limits, rated, signals
from invitekit.model.resolve import NEEDED as RESOLVED_FROM
from invitekit.model.resolve import resolved, used_columns
from invitekit.model.schema import require
from invitekit.model.vocabularies import UNKNOWN, WHO_ACTS

TREND = {
    "period_start": nw.Date(), "group": nw.String(), "n": nw.Int64(), "of": nw.Int64(), "rate": nw.Float64(),
    "low": nw.Float64(), "high": nw.Float64(), "centre": nw.Float64(), "lower_limit": nw.Float64(),
    "upper_limit": nw.Float64(), "signal": nw.String(), "small": nw.Boolean(), "incomplete": nw.Boolean(),
}  # fmt: skip
MAX_GROUPS = 12
"""The most groups with rows; rarer ones are counted together."""
ACTING = (*(value.code for value in WHO_ACTS), UNKNOWN)
"""The values of ``who_acts``, in the order of every table and figure."""
_NEEDED = tuple(dict.fromkeys((*RESOLVED_FROM, *aggregate.NEEDED, *FOLLOWED)))


def failure_trend(
    records: Any,
    *,
    as_of: dt.datetime | dt.date | None = None,
    period: Period = "week",
    by: By | None = None,
    follow_up_days: int = FOLLOW_UP_DAYS,
) -> Any:
    """Return the share of failed invitations by the period in which they were sent.

    ``n`` counts the failed invitations, ``of`` those with an outcome so far (associated, failed, expired or not used)
    of the same period and group; by cause or who acts, ``of`` counts all groups of the period. An invitation counts in
    the period in which it was sent, by its newest state.

    A period has a ``signal`` if it differs by more than chance: ``high`` or ``low`` beyond the control limits (0.27%
    of periods by chance alone), ``run`` as the last of ten in a row on one side of the centre. A period is
    ``incomplete`` until the follow-up of all its invitations is over: 7 days for an email, ``follow_up_days`` for a
    link. Until then only the used ones have an outcome, so it has no signal and is not part of the centre.

    Args:
        records: The result of ``annotate``, of any engine; of several snapshots, the newest state counts.
        as_of: The time that they were annotated at; a date means its midnight UTC. Default: now.
        period: ``day``, ``week`` (from Monday) or ``month``.
        by: The column to group by, one of ``BY``; None for no groups.
        follow_up_days: Days after which an unused invitation without an end date counts as not used.

    Returns:
        A Polars frame, one row per group and period: ``period_start, group`` (null for all), ``n, of,
        rate, low, high`` (Wilson, 95%), ``centre, lower_limit, upper_limit, signal, small`` (``n``
        or ``of`` below 10) and ``incomplete``. Groups beyond the twelve largest are one, ``(other)``.

    Raises:
        SchemaError: A required column is missing.
        ArgumentError: ``period``, ``by``, ``as_of`` or ``follow_up_days`` is not valid.
    """
    failures, _ = failure_and_association_trend(records, as_of, period, by, follow_up_days)
    return failures


def failure_and_association_trend(
    records: Any, as_of: dt.datetime | dt.date | None, period: Period, by: By | None, follow_up_days: int
) -> tuple[Any, Any]:
    """Return ``failure_trend``, and the same for associations, from one pass over the records.

    The second one is None by cause or who acts, which only failures have.
    """
    aggregate.check(period, [by])
    check_follow_up(follow_up_days)
    moment = as_utc(as_of)
    frame: Any = as_narwhals(records)
    names = frame.collect_schema().names()
    require(names, _NEEDED)
    with temp_tables():
        history = nw.from_native(resolved(frame.select(*used_columns(_NEEDED, names)).to_native()))
        invitations = with_outcomes(history, moment, follow_up_days).filter(nw.col("is_latest_of_invitation"))
        cells = aggregate.count_cells(invitations, [by] if by else [], period)
    associations = None if by in OF_FAILURES else trend(cells, by, period, moment, "associated")
    return trend(cells, by, period, moment), associations


def trend(cells: Any, by: str | None, period: Period, as_of: dt.datetime, outcome: str = FAILED) -> Any:
    """Return the trend of counts; see ``failure_trend``. ``n`` counts the invitations with ``outcome``."""
    dated = cells.filter(~nw.col("period").is_null() & nw.col("outcome").is_in(list(SENT)))
    ended = dated.filter(nw.col("outcome").is_in(list(OUTCOMES)))
    matching = ended.filter(nw.col("outcome") == outcome)
    names = _groups(matching if by in OF_FAILURES else ended, by)
    of_all = None if by in OF_FAILURES else by
    counted, of = _sums(matching, by, names), _sums(ended, of_all, names)
    not_followed = _sums(dated.filter(nw.col("followed_outcome").is_null()), of_all, names)
    numbers = sorted({number for _, number in of})
    last = aggregate.number_of(period, as_of)
    rows = []
    for group in dict.fromkeys(names.values()):
        keys = [(group if of_all else None, number) for number in numbers]
        n = [counted[group, number] for number in numbers]
        starts = [aggregate.start_of(period, number) for number in numbers]
        complete = [number < last and key not in not_followed for number, key in zip(numbers, keys, strict=True)]
        rows += [row | {"group": group} for row in _rows(starts, complete, n, [of[key] for key in keys])]
    return small_table(rows, TREND)


def _sums(cells: Any, by: str | None, names: dict[str | None, str | None]) -> Counter[tuple[str | None, int]]:
    """Count by group and number of the period."""
    sums: Counter[tuple[str | None, int]] = Counter()
    keys = [by, "period"] if by else ["period"]
    for *values, number, n in cells.group_by(*keys).agg(nw.col("n").sum()).iter_rows():
        sums[names.get(values[0] if values else None), number] += n
    return sums


def _groups(cells: Any, by: str | None) -> dict[str | None, str | None]:
    """Return the group of each value, in the order of the table."""
    sizes = dict(cells.group_by(by).agg(nw.col("n").sum()).iter_rows()) if by else {None: len(cells)}
    order = {code: position for position, code in enumerate(ACTING)} if by == "who_acts" else {}
    # Failures without a known party come last.
    ranked = sorted(sizes, key=lambda value: (order.get(str(value), len(order)), -sizes[value], str(value)))
    return {value: value if position < MAX_GROUPS else OTHER for position, value in enumerate(ranked)}


def _rows(starts: list[dt.date], complete: list[bool], n: list[int], of: list[int]) -> list[dict[str, Any]]:
    """Return one row for each period of a group, with limits from the complete periods."""
    compared = [index for index, is_complete in enumerate(complete) if is_complete]
    limits = control_limits([n[index] for index in compared], [of[index] for index in compared])
    marks: dict[int, dict[str, Any]] = {}
    if limits is not None:
        marked = signals([n[index] for index in compared], [of[index] for index in compared], limits)
        for position, index in enumerate(compared):
            lower, upper = (limits.lower[position], limits.upper[position]) if of[index] else (None, None)
            marks[index] = {"lower_limit": lower, "upper_limit": upper, "signal": marked[position]}
    unmarked = {"lower_limit": None, "upper_limit": None, "signal": None}
    centre = {"centre": limits.centre if limits else None}
    return [
        {"period_start": start, **rated(n[index], of[index]), **centre, **marks.get(index, unmarked),
         "incomplete": not complete[index]}
        for index, start in enumerate(starts)
    ]  # fmt: skip
