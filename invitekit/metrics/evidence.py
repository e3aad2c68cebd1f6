"""Find lasting changes of rates, and groups that differ from others, with their p-values.

Every p-value is from an exact test and corrected for multiple comparisons (Holm): if nothing changes or differs, at
most one of a hundred sets of records has a row below ``SURE``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import narwhals.stable.v2 as nw

from invitekit.metrics.aggregate import EMPTY, OTHER, Period, number_of
from invitekit.metrics.distributions import fisher_exact
from invitekit.metrics.funnel import small_table
from invitekit.metrics.intervals import MIN_PERIODS, spread
from invitekit.model.annotate import EMAIL_LIFE

SURE = 0.01
"""The family-wise error rate: the probability of any false change or difference [assumed]."""
_SMALLEST = 1e-6
"""The smallest p-value that is shown."""
CHANGES = {
    "measure": nw.String(), "by": nw.String(), "group": nw.String(), "since": nw.Date(), "n_before": nw.Int64(),
    "of_before": nw.Int64(), "rate_before": nw.Float64(), "n_after": nw.Int64(), "of_after": nw.Int64(),
    "rate_after": nw.Float64(), "p": nw.Float64(),
}  # fmt: skip
DIFFERENCES = {
    "by": nw.String(), "value": nw.String(), "measure": nw.String(), "period_start": nw.Date(), "n": nw.Int64(),
    "of": nw.Int64(), "rate": nw.Float64(), "rest_n": nw.Int64(), "rest_of": nw.Int64(), "rest_rate": nw.Float64(),
    "p": nw.Float64(),
}  # fmt: skip
_Candidate = tuple[dict[str, Any], float]
"""A row, and its p-value before correction."""


@dataclass(frozen=True, slots=True)
class _Sum:
    """``n`` of ``of``, each the sum of several counts."""

    n: int = 0
    of: int = 0
    counts: int = 0

    def __add__(self, other: _Sum) -> _Sum:
        return _Sum(self.n + other.n, self.of + other.of, self.counts + other.counts)

    def __sub__(self, other: _Sum) -> _Sum:
        return _Sum(self.n - other.n, self.of - other.of, self.counts - other.counts)

    @property
    def log_likelihood(self) -> float:
        """The logarithm of the likelihood of the counts at their common rate."""
        return sum(n * math.log(n / self.of) for n in (self.n, self.of - self.n) if n)


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of a series: the index of the first period after it, and the p-value."""

    start: int
    p: float


def change_point(n: Sequence[int], of: Sequence[int], *, margin: int = 0) -> ChangePoint | None:
    """Find the most likely lasting change of a rate, with its p-value.

    The most likely split into periods before and after is tested by Fisher's exact test, and the p-value is multiplied
    by the number of splits. The period that supports the change most is left out of the test, because a single period
    is not a lasting change. If periods vary more than by chance, counts have less weight.

    Args:
        n: The failed invitations of each period.
        of: All invitations of each period; never 0.
        margin: The largest rounding error of each ``n``, for rounded counts.

    Returns:
        None for fewer than five periods.
    """
    if len(of) < MIN_PERIODS:
        return None
    weight = 1 / spread(n, of, sum(n) / sum(of)) ** 2
    periods = [_Sum(*pair, 1) for pair in zip(n, of, strict=True)]
    before = list(accumulate(periods))[:-1]
    total = before[-1] + periods[-1]
    start = max(range(len(before)), key=lambda i: before[i].log_likelihood + (total - before[i]).log_likelihood) + 1
    first, second = before[start - 1], total - before[start - 1]
    without_one = [
        _p_value(first - one, second, margin, weight) if i < start else _p_value(first, second - one, margin, weight)
        for i, one in enumerate(periods)
    ]
    return ChangePoint(start, min(1.0, max(without_one) * len(before)))


def find_changes(
    failures: Mapping[str | None, Any], associations: Mapping[str | None, Any] | None = None, *, margin: int = 0
) -> Any:
    """Find the lasting changes of failure rates and of association rates.

    Args:
        failures: Tables of ``failure_trend`` by the column that they are grouped by; None for the overall one.
        associations: The same for associations.
        margin: The largest rounding error of counts, if they are rounded.

    Returns:
        A Polars frame, one row for each series that changed, the smallest p-value first: ``measure`` (``failure_rate``
        or ``association_rate``), ``by`` and ``group`` (null: overall), ``since`` (the first day of the first period
        after the change), ``n_before, of_before, rate_before, n_after, of_after, rate_after`` (of complete periods) and
        ``p``, corrected for all series.
    """
    candidates: list[_Candidate] = []
    tables = [("failure_rate", *one) for one in failures.items()]
    tables += [("association_rate", *one) for one in (associations or {}).items()]
    for measure, by, table in tables:
        rows = [row for row in table.to_dicts() if not row["incomplete"] and row["n"] is not None and row["of"]]
        for group in dict.fromkeys(row["group"] for row in rows):
            series = [row for row in rows if row["group"] == group]
            point = change_point([row["n"] for row in series], [row["of"] for row in series], margin=margin)
            if point is not None and group not in (EMPTY, OTHER):
                row = {"measure": measure, "by": by, "group": group, "since": series[point.start]["period_start"]}
                for name, some in (("before", series[: point.start]), ("after", series[point.start :])):
                    n, of = (sum(one[column] for one in some) for column in ("n", "of"))
                    row |= {f"n_{name}": n, f"of_{name}": of, f"rate_{name}": n / of}
                candidates.append((row, point.p))
    return small_table(_sure(candidates), CHANGES)


def find_differences(
    groups: Mapping[str, Any], causes: Any | None, period: Period, as_of: dt.datetime, *, margin: int = 0
) -> Any:
    """Find groups that differ from all others of their column, and causes that were frequent in one period.

    Args:
        groups: Tables such as ``by_method``, by their column.
        causes: The trend by cause, if there is one.
        period: The period of that trend.
        as_of: The time that it was computed for: causes are compared once the emails of the period have expired.
        margin: The largest rounding error of counts, if they are rounded.

    Returns:
        A Polars frame, one row for each difference, the smallest p-value first: ``by, value, measure``
        (``failure_rate`` and, of methods, ``association_rate``: of the invitations whose follow-up is over;
        ``cause_share``: of the failures of one period, ``period_start``, which is null else), ``n, of, rate`` of the
        group, ``rest_n, rest_of, rest_rate`` of all others in the column or of all other periods, and ``p``, corrected
        for all comparisons.
    """
    families = [[one for by, table in groups.items() for one in _compare_groups(by, table.to_dicts(), margin)]]
    if causes is not None:
        # There are many more causes by period, so each of the two kinds gets half of the error rate.
        families.append(list(_compare_causes(causes.to_dicts(), period, as_of, margin)))
    rows = [row for family in families for row in _sure(family, len(families))]
    return small_table(sorted(rows, key=lambda row: row["p"]), DIFFERENCES)


def one_in(p: float) -> int:
    """Return a p-value as "one in n": the rounded ``n``.

    >>> one_in(0.0023), one_in(1e-9)
    (400, 1000000)
    """
    number = min(1 / max(p, _SMALLEST), 1 / _SMALLEST)
    step = 10 ** math.floor(math.log10(number))
    return int(number // step * step)


def _compare_groups(by: str, rows: Sequence[Mapping[str, Any]], margin: int) -> Iterator[_Candidate]:
    measures = {"failure_rate": "followed_failed"}
    if by == "invitation_method":  # not for other columns: more comparisons would make each one less certain
        measures["association_rate"] = "followed_associated"
    for measure, column in measures.items():
        groups = [(row["value"], _Sum(row[column], row["followed"], 1)) for row in rows if row[column] is not None]
        total = sum((group for _, group in groups), _Sum())
        for value, group in groups:
            if value not in (EMPTY, OTHER) and 0 < group.of < total.of:
                names = {"by": by, "value": value, "measure": measure, "period_start": None}
                yield _compare(names, group, total - group, margin)


def _compare_causes(
    rows: Sequence[Mapping[str, Any]], period: Period, as_of: dt.datetime, margin: int
) -> Iterator[_Candidate]:
    """Compare the share of each cause among the failures of a period with that among all other periods."""
    last = number_of(period, as_of - EMAIL_LIFE)
    counted = [row for row in rows if row["n"] is not None and number_of(period, row["period_start"]) < last]
    failures: dict[dt.date, int] = {}
    for row in counted:
        failures[row["period_start"]] = failures.get(row["period_start"], 0) + row["n"]
    shares = [(row, _Sum(row["n"], failures[row["period_start"]], 1)) for row in counted]
    totals: dict[str, _Sum] = {}
    for row, share in shares:
        totals[row["group"]] = totals.get(row["group"], _Sum()) + share
    for row, share in shares:
        rest = totals[row["group"]] - share
        if share.n and rest.of and row["group"] not in (EMPTY, OTHER):
            names = {
                "by": "cause",
                "value": row["group"],
                "measure": "cause_share",
                "period_start": row["period_start"],
            }
            is_higher = share.n * rest.of > rest.n * share.of
            yield _compare(names, share, rest, margin) if is_higher else (names, 1.0)


def _compare(names: Mapping[str, Any], group: _Sum, rest: _Sum, margin: int) -> _Candidate:
    row = {"n": group.n, "of": group.of, "rate": group.n / group.of}
    row |= {"rest_n": rest.n, "rest_of": rest.of, "rest_rate": rest.n / rest.of}
    return dict(names) | row, _p_value(group, rest, margin)


def _p_value(first: _Sum, second: _Sum, margin: int, weight: float = 1.0) -> float:
    """Return the p-value of Fisher's exact test for two sums; 1 if one of them is empty.

    Rounded counts are moved towards each other by their largest rounding error (for a sum, two standard deviations); if
    they meet, the p-value is 1.
    """
    if not first.counts or not second.counts:
        return 1.0
    sign = 1 if first.n * second.of > second.n * first.of else -1
    n = min(max(first.n - sign * margin * math.isqrt(4 * first.counts - 3), 0), first.of)
    rest = min(max(second.n + sign * margin * math.isqrt(4 * second.counts - 3), 0), second.of)
    if sign * (n * second.of - rest * first.of) <= 0:
        return 1.0
    group, others = ((round(weight * k), round(weight * (of - k))) for k, of in ((n, first.of), (rest, second.of)))
    return fisher_exact(group, others)


def _sure(candidates: Sequence[_Candidate], families: int = 1) -> list[dict[str, Any]]:
    """Return the rows with a p-value below ``SURE`` after Holm's correction, the smallest first.

    Args:
        candidates: All compared rows, with their uncorrected p-values.
        families: The number of lists that share the error rate.
    """
    rows, p = [], 0.0
    ranked = sorted(candidates, key=lambda candidate: candidate[1])
    for position, (row, own) in enumerate(ranked):
        p = max(p, min(1.0, own * (len(ranked) - position) * families))
        if p >= SURE:
            break
        rows.append(row | {"p": p})
    return rows
