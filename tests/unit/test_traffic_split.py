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


def late(random: np.random.Generator, wrong: int, after: float = 0.5) -> TrafficSplit:
    """Half is declared; a gateway sends a twentieth for so many panes, then some other share for half an hour."""
    split = TrafficSplit((0.5, 0.5))
    for pane in range(wrong + 180):
        share = 0.05 if pane < wrong else after
        split.step(random.multinomial(100, (share, 1 - share)))
    return split


@pytest.mark.parametrize("wrong", [1, 6, 60])
def test_what_was_unhealthy_is_healthy_again_once_traffic_comes_as_declared(wrong: int) -> None:
    random = np.random.default_rng(3)
    split = TrafficSplit((0.5, 0.5))
    for _ in range(wrong):
        split.step(random.multinomial(100, (0.05, 0.95)))
    assert split.unhealthy
    assert not any(late(random, wrong).unhealthy for _ in range(20))


@pytest.mark.parametrize("share", [0.45, 0.6])
def test_what_comes_in_yet_other_shares_stays_unhealthy(share: float) -> None:
    random = np.random.default_rng(4)
    assert all(late(random, 6, share).unhealthy for _ in range(20))


def test_after_it_was_healthy_again_it_is_watched_as_before() -> None:
    """Of 100 true splits that began wrong, none is ever found unhealthy once more."""
    random = np.random.default_rng(5)
    again = 0
    for _ in range(100):
        split, healthy = TrafficSplit(SHARES), False
        for pane in range(60):
            share = 0.5 if pane == 0 else 0.1
            split.step(random.multinomial(500, (share, 1 - share)))
            again += healthy and split.unhealthy
            healthy = not split.unhealthy
            assert pane > 0 or split.p_min < UNHEALTHY_BELOW
        assert healthy
    assert again == 0


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
