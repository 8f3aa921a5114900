"""Which of many hypotheses may be called false."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.arrays import Floats
from operators.stats.multiple_testing import Bools, benjamini_hochberg, e_bh

ALPHA = 0.05
# The example of Benjamini and Hochberg (1995): 15 p-values, of which the procedure rejects the first four.
PAPER = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip


def by_definition(e: list[float], alpha: float) -> list[bool]:
    """The largest k with k hypotheses of E >= K / (k alpha)."""
    size = len(e)
    ranks = [k for k in range(1, size + 1) if sum(value >= size / (k * alpha) for value in e) >= k]
    return [value >= size / (ranks[-1] * alpha) if ranks else False for value in e]


def test_the_papers_example() -> None:
    shuffled = np.random.default_rng(0).permutation(len(PAPER))
    assert (benjamini_hochberg(np.array(PAPER)[shuffled], ALPHA) == (shuffled < 4)).all()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 19.0, 20.5, 33.4, 41.0, 70.0, 100.5, 1e300]), max_size=7))
def test_e_values_by_definition(e: list[float]) -> None:
    with np.errstate(divide="ignore"):
        assert e_bh(np.log(np.array(e)), ALPHA).tolist() == by_definition(e, ALPHA)


@given(st.lists(st.floats(1e-6, 1), max_size=8))
def test_an_e_value_of_1_over_p_rejects_what_p_rejects(p: list[float]) -> None:
    """The two rules are one; and e-BH is used where 1 / p is an E-value, or under any dependence."""
    values = np.array(p)
    assert (e_bh(-np.log(values), 0.051) == benjamini_hochberg(values, 0.051)).all()


@pytest.mark.parametrize("rule", [e_bh, benjamini_hochberg])
def test_no_hypotheses(rule: Callable[[Floats, float], Bools]) -> None:
    assert rule(np.zeros(0), ALPHA).shape == (0,)


def test_one_slice_alone_needs_more_among_many() -> None:
    assert e_bh(np.log([25.0]), ALPHA).tolist() == [True]
    assert not e_bh(np.log([25.0] + [1.0] * 9), ALPHA).any()
    assert e_bh(np.log([25.0] * 10), ALPHA).all()


def test_false_discoveries_under_any_dependence() -> None:
    """Half of the nulls are true, and their E-values are all one and the same fair bet: 1 / alpha with chance alpha."""
    random = np.random.default_rng(1)
    shares = []
    for _ in range(4_000):
        bet = np.where(random.random() < ALPHA, 1 / ALPHA, 1e-9)
        rejected = e_bh(np.log(np.concatenate([np.full(10, bet), np.full(10, 200.0)])), ALPHA)
        assert rejected[10:].all()
        shares.append(rejected[:10].sum() / rejected.sum())
    assert np.mean(shares) <= ALPHA
