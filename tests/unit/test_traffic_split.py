"""Traffic that does not arrive in its declared shares, at any look."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.arrays import Ints
from operators.stats.sample_ratio import CONCENTRATION, UNHEALTHY_BELOW, TrafficSplit, p_value
from tests.saving import again

SHARES = (0.1, 0.9)


def sequential(counts: Ints, shares: tuple[float, ...]) -> float:
    """P as a product of one request's chances after the other: the Polya urn, in any order."""
    seen = np.zeros(len(shares))
    ratio = 1.0
    for arm in np.repeat(np.arange(len(shares)), counts):
        chance = (CONCENTRATION * shares[arm] + seen[arm]) / (CONCENTRATION + seen.sum())
        ratio *= shares[arm] / chance
        seen[arm] += 1
    return min(1.0, float(ratio))


@given(st.lists(st.integers(0, 60), min_size=2, max_size=3))
def test_p_is_that_of_request_after_request(counts: list[int]) -> None:
    shares = SHARES if len(counts) == 2 else (0.2, 0.3, 0.5)
    p = p_value(np.array(counts), np.array(shares))
    assert p == pytest.approx(sequential(np.array(counts), shares), rel=1e-9)


def test_true_shares_stay_healthy() -> None:
    random = np.random.default_rng(1)
    splits = [TrafficSplit(SHARES) for _ in range(300)]
    for _ in range(100):
        for split in splits:
            split.step(random.multinomial(200, SHARES))
    assert sum(split.unhealthy for split in splits) <= 1
    assert sum(split.p_min <= 0.05 for split in splits) <= 15  # 5 % of them, however often one looks.


@pytest.mark.parametrize(("share", "requests"), [(0.12, 10_000), (0.2, 700), (0.0, 200)])
def test_a_wrong_share_is_found(share: float, requests: int) -> None:
    random = np.random.default_rng(2)
    split = TrafficSplit(SHARES)
    while not split.unhealthy and split.counts.sum() < 10 * requests:
        split.step(random.multinomial(20, (share, 1 - share)))
    assert split.counts.sum() <= requests


def test_unhealthy_is_latched() -> None:
    split = TrafficSplit(SHARES)
    split.step(np.array([100, 100]))
    assert split.p_min < UNHEALTHY_BELOW
    assert split.step(np.array([0, 800])) > 0.9
    assert split.unhealthy


def test_state_is_the_counts() -> None:
    at_once, split = TrafficSplit(SHARES), TrafficSplit(SHARES)
    split.step(np.array([3, 40]))
    split = again(split)
    assert split.step(np.array([4, 50])) == at_once.step(np.array([7, 90]))


def test_no_traffic_says_nothing() -> None:
    assert TrafficSplit(SHARES).step(np.zeros(2, np.int64)) == 1


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (0.0, 1.0), (-0.1, 1.1), (float("nan"), 1.0)])
def test_shares_must_be_shares(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares"):
        TrafficSplit(shares)
