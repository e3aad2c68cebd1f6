"""Intervals of rates, and control limits of rates by period."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from invitekit.metrics.distributions import binomial_quantile

COVERAGE = 0.95
"""The confidence level of intervals of rates."""
NORMAL_QUANTILE = statistics.NormalDist().inv_cdf((1 + COVERAGE) / 2)
"""The standard normal quantile of that level."""
SMALL = 10
"""A rate with a numerator or denominator below it is marked as small [assumed]."""
TAIL = 0.00135
"""The probability beyond each control limit by chance: that of three standard deviations."""
MIN_PERIODS = 5
"""The fewest periods with control limits [assumed]."""
RUN = 10
"""Periods in a row on one side of the centre that are a signal; eight or nine are too frequent by chance."""
_MEDIAN_STEP = 0.954
"""The median distance between two successive standard normal numbers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The centre of a control chart and its limits for each period, as shares."""

    centre: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]


def wilson(n: float, of: float) -> tuple[float, float] | tuple[None, None]:
    """Return the 95% Wilson interval of a rate, or nulls if the denominator is 0."""
    return (None, None) if of == 0 else _wilson(n, of)


def _wilson(n: float, of: float) -> tuple[float, float]:
    z = NORMAL_QUANTILE
    rate, weight = n / of, z * z / of
    middle = (rate + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(rate * (1 - rate) / of + weight / (4 * of))
    return (0.0 if n == 0 else middle - half), (1.0 if n == of else middle + half)


def newcombe(n: float, of: float, other_n: float, other_of: float) -> tuple[float, float]:
    """Return Newcombe's 95% interval of the difference of two rates, from their Wilson intervals.

    >>> [round(end, 3) for end in newcombe(56, 70, 48, 80)]  # Newcombe (1998), method 10
    [0.052, 0.334]
    """
    (low, high), (other_low, other_high) = _wilson(n, of), _wilson(other_n, other_of)
    rate, other_rate = n / of, other_n / other_of
    difference = rate - other_rate
    return (
        difference - math.hypot(rate - low, other_high - other_rate),
        difference + math.hypot(high - rate, other_rate - other_low),
    )


def rated(n: int, of: int) -> dict[str, Any]:
    """Return a rate with its interval, and whether it is small."""
    low, high = wilson(n, of)
    return {"n": n, "of": of, "rate": n / of if of else None, "low": low, "high": high, "small": is_small(n, of)}


def is_small(n: int, of: int) -> bool:
    """Return whether a rate has too few cases to be precise, and might reveal who they are."""
    return n < SMALL or of < SMALL


def control_limits(n: Sequence[int], of: Sequence[int]) -> Limits | None:
    """Compute the control limits of each period's rate; None for too few periods.

    The limits are quantiles of the binomial distribution, so they are correct for small periods too (p-chart). If rates
    vary more than the binomial distribution, as rates of large numbers do, the limits are wider by the same factor
    (Laney's p'-chart).
    """
    sizes = [size for size in of if size]
    if len(sizes) < MIN_PERIODS:
        return None
    centre = sum(n) / sum(of)
    wider = spread(n, of, centre)
    shares = []
    for quantile in (TAIL, 1 - TAIL):
        counts = [binomial_quantile(quantile, size, centre) for size in of]
        limits = [k / size if size else math.nan for k, size in zip(counts, of, strict=True)]
        shares.append(tuple(min(max(centre + wider * (limit - centre), 0.0), 1.0) for limit in limits))
    return Limits(centre, *shares)


def spread(n: Sequence[int], of: Sequence[int], centre: float) -> float:
    """Return the ratio of the variation from period to period to that of chance, at least 1.

    It uses the median step, which one or two outliers do not change.
    """
    if not 0 < centre < 1:
        return 1.0
    deviations = [
        (k / size - centre) / math.sqrt(centre * (1 - centre) / size) for k, size in zip(n, of, strict=True) if size
    ]
    steps = [abs(later - earlier) for earlier, later in pairwise(deviations)]
    ratio = statistics.median(steps) / _MEDIAN_STEP
    return ratio if ratio > 1 + 2 / math.sqrt(len(steps)) else 1.0


def signals(n: Sequence[int], of: Sequence[int], limits: Limits) -> list[str | None]:
    """Return the signal of each period: beyond its limits (``high``, ``low``), at the end of a ``run``, or None."""
    marks: list[str | None] = []
    side, length = 0, 0
    for count, size, low, high in zip(n, of, limits.lower, limits.upper, strict=True):
        rate = count / size if size else limits.centre
        now = (rate > limits.centre) - (rate < limits.centre)
        length = length + 1 if now == side else 1
        side = now
        beyond = "high" if rate > high else "low" if rate < low else None
        marks.append(beyond or ("run" if side and length >= RUN else None))
    return marks
