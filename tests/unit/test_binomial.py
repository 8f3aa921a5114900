"""Exact bounds invert the tails of the binomial distribution."""

from math import comb

import numpy as np
import pytest

from operators.stats.binomial import interval, lower_bound, upper_bound
from operators.stats.binomial_tails import FEW, good_most

ALPHA = 0.01


def tail(x: int, n: int, ratio: float) -> float:
    """P(X >= x), term by term."""
    return sum(comb(n, k) * ratio**k * (1 - ratio) ** (n - k) for k in range(x, n + 1))


@pytest.mark.parametrize("n", [1, 2, 7, 40, 120])
def test_at_the_bound_the_tail_is_alpha(n: int) -> None:
    x = np.arange(n + 1)
    size = np.full(n + 1, n)
    lower, upper = lower_bound(x, size, ALPHA), upper_bound(x, size, ALPHA)
    assert (lower[0], upper[-1]) == (0, 1)
    for bad in range(1, n + 1):
        assert tail(bad, n, lower[bad]) == pytest.approx(ALPHA, rel=1e-9)
        assert 1 - tail(bad, n, upper[bad - 1]) == pytest.approx(ALPHA, rel=1e-9)


def test_nothing_is_known_without_events() -> None:
    none = np.zeros(2, np.int64)
    assert lower_bound(none, none, ALPHA).tolist() == [0, 0]
    assert upper_bound(none, none, ALPHA).tolist() == [1, 1]


def test_closed_forms_at_the_ends() -> None:
    """None of n: 1 - alpha ** (1 / n). The rule of three is its limit for 5 %."""
    n = np.array([1, 30, 10**6])
    assert upper_bound(np.zeros(3, np.int64), n, ALPHA) == pytest.approx(1 - ALPHA ** (1 / n), rel=1e-9)
    assert lower_bound(n, n, ALPHA) == pytest.approx(ALPHA ** (1 / n), rel=1e-12)
    assert upper_bound(np.array([0]), np.array([10**6]), 0.05)[0] == pytest.approx(3e-6, rel=0.01)


def test_bounds_hold_for_large_counts() -> None:
    n = np.array([10**9])
    lower, upper = interval(n // 2, n, 0.05)
    assert upper[0] - lower[0] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(1e9), rel=1e-3)
    assert lower[0] < 0.5 < upper[0]


def test_two_sided_is_both_halves() -> None:
    x, n = np.array([0, 3, 9]), np.array([9, 9, 9])
    lower, upper = interval(x, n, 2 * ALPHA)
    assert lower.tolist() == lower_bound(x, n, ALPHA).tolist()
    assert upper.tolist() == upper_bound(x, n, ALPHA).tolist()


def test_the_most_good_that_are_surely_bad_are_the_same_one_by_one_and_at_once() -> None:
    random = np.random.default_rng(4)
    n, targets = random.integers(0, 3_000, 300), random.uniform(0.001, 0.9999, 300)
    every = good_most(n, targets, 0.99)
    assert len(n) > FEW
    assert [good_most(n[[at]], targets[[at]], 0.99).item() for at in range(len(n))] == every.tolist()
