"""Quantiles of the beta and binomial distributions, and Fisher's exact test.

SciPy has these functions, but needs 200 MB more on disk and half a second more at each start.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

_TINY = 1e-300
_MAX_LOG = 700
"""The largest logarithm of a number."""
_PRECISION = 1e-15
_ROUNDING = 1e-9
"""The tolerance for rounding when a share is compared."""
_TIE = 1e-7
"""The tolerance for rounding when the logarithms of probabilities are compared."""
_MAX_ITERATIONS = 10_000
"""A bound for loops that end much sooner: the fraction needs about the square root of its larger parameter."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the share of a beta distribution below ``x``: the regularised incomplete beta function."""
    if not 0 < x < 1:
        return float(x >= 1)
    front = math.exp(_log_density(x, a, b) + math.log(x) + math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the quantile of a beta distribution: by Newton's method inside a shrinking bracket."""
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_MAX_ITERATIONS):
        above = beta_cdf(x, a, b) - share
        low, high = (low, x) if above > 0 else (x, high)
        # Near 0, a density may be too large for a number, and elsewhere too small: then the bracket is halved.
        log = _log_density(x, a, b)
        step = x - above * math.exp(-log) if log > -_MAX_LOG else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - x) <= max(_PRECISION * x, _TINY):
            break
        x = step
    return x


def binomial_quantile(share: float, n: int, rate: float) -> int:
    """Return the quantile of a binomial distribution: the smallest count with at least ``share`` at or below it."""
    reached = share * (1 - _ROUNDING)
    return bisect.bisect_left(range(n), reached, key=lambda k: beta_cdf(1 - rate, n - k, k + 1))


def fisher_exact(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test for a table of two rows.

    It is the hypergeometric probability of all tables with the same sums that are at most as likely.
    """
    first_row, second_row, first_column = sum(first), sum(second), first[0] + second[0]
    lowest, highest = max(0, first_column - second_row), min(first_row, first_column)
    tables = _log_choose(first_row + second_row, first_column)

    def log_probability(k: int) -> float:
        return _log_choose(first_row, k) + _log_choose(second_row, first_column - k) - tables

    limit = log_probability(first[0]) + _TIE
    mode = min(max((first_row + 1) * (first_column + 1) // (first_row + second_row + 2), lowest), highest)
    # Probabilities rise up to the mode and fall after it.
    left = bisect.bisect_right(range(lowest, mode), limit, key=log_probability) + lowest - 1
    right = bisect.bisect_left(range(mode, highest + 1), -limit, key=lambda k: -log_probability(k)) + mode
    if left + 1 >= right:
        return 1.0

    def ratio(k: int) -> float:
        """Return the probability of the next table as a multiple of this one's."""
        return (first_row - k) * (first_column - k) / ((k + 1) * (second_row - first_column + k + 1))

    down, up = (1 / ratio(k) for k in range(left - 1, lowest - 1, -1)), map(ratio, range(right, highest))
    tails = ((left, down), (right, up))
    return min(1.0, sum(_tail(log_probability(k), ratios) for k, ratios in tails if lowest <= k <= highest))


def _tail(log_probability: float, ratios: Iterable[float]) -> float:
    """Add up probabilities outwards, where they decrease: the first one, and the ratio of each to the one before."""
    total = probability = math.exp(log_probability)
    for ratio in ratios:
        probability *= ratio
        total += probability
        if probability <= total * _PRECISION:
            break
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_density(x: float, a: float, b: float) -> float:
    return math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_ITERATIONS):
        before = value
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            value *= c * d
        if abs(value - before) <= _PRECISION * value:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
