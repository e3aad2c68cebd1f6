"""Quantiles and tests equal those of SciPy."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from invitekit.metrics.distributions import beta_cdf, beta_quantile, binomial_quantile, fisher_exact
from tests.conftest import often

SHARES = st.sampled_from([0.00135, 0.025, 0.5, 0.975, 0.99865])


@given(SHARES, st.floats(0.05, 1e5), st.floats(0.05, 1e5))
@example(0.025, 20.0, 1e6)
@example(0.975, 0.3, 0.3)
@settings(deadline=None, max_examples=often(300))
def test_beta_quantiles_equal_those_of_scipy(share: float, a: float, b: float) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(float(stats.beta.ppf(share, a, b)), rel=1e-7, abs=1e-12)


@given(st.floats(0, 1), st.floats(0.05, 1e4), st.floats(0.05, 1e4))
@settings(deadline=None, max_examples=often(300))
def test_beta_shares_equal_those_of_scipy(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), rel=1e-8, abs=1e-12)


# Not the half: where the count below has it to the last digit, SciPy rounds to either side.
@given(SHARES.filter(lambda share: share != 0.5), st.integers(0, 200_000), st.floats(0, 1))
@example(0.00135, 10, 0.0)
@example(0.99865, 10, 1.0)
@example(0.00135, 0, 0.5)
@settings(deadline=None, max_examples=often(300))
def test_binomial_quantiles_equal_those_of_scipy(share: float, n: int, rate: float) -> None:
    assert binomial_quantile(share, n, rate) == int(stats.binom.ppf(share, n, rate))


COUNTS = st.integers(0, 30) | st.integers(0, 3000)


@given(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS))
@example((0, 0), (0, 5))
@example((3, 1), (1, 3))  # two tables of one chance
@example((900, 100), (100, 900))
@settings(deadline=None, max_examples=often(300))
def test_fishers_exact_test_equals_that_of_scipy(first: tuple[int, int], second: tuple[int, int]) -> None:
    expected = float(stats.fisher_exact([first, second]).pvalue)
    assert fisher_exact(first, second) == pytest.approx(expected, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize(("a", "b"), [(0.003, 3e3), (1e-4, 1e6), (0.02, 1e5)])
def test_a_quantile_may_be_too_small_for_a_number(a: float, b: float) -> None:
    # Fixed bug: a plan with thousands of resends, of which none led to an association, ended in an OverflowError.
    for share in (0.05, 0.95):
        expected = float(stats.beta.ppf(share, a, b))
        assert beta_quantile(share, a, b) == pytest.approx(expected, rel=1e-7, abs=1e-12)
