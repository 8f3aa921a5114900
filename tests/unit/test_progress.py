"""A partition's time follows the many, not the few: what wrong clocks cannot do to it, and how soon it follows."""

import os
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.ingest.progress import NONE, Recent, advance
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.watermark import NEVER
from tests.dataflows.making import POLICY, START_MS
from tests.oracle import Clock

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
DISORDER_MS = 5_000
HOUR_MS = 3_600_000
RULES = parse(POLICY)
FOLLOWS_ALL = msgspec.structs.replace(RULES, outliers=0)


def followed(times: Ints, sizes: int = 4_000, policy: Policy = RULES) -> Ints:
    """The partition's time after each event, taken in batches of one size."""
    time, recent, seen = NEVER, Recent(), [NONE]
    for start in range(0, len(times), sizes):
        after, recent = advance(time, recent, times[start : start + sizes], policy)
        time = int(after[-1])
        seen.append(after)
    return np.concatenate(seen)


def honest(count: int, spacing_ms: float, jitter_ms: int = 2_000, start_ms: int = START_MS, seed: int = 1) -> Ints:
    """Events at random some `spacing_ms` apart, each up to `jitter_ms` late."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.exponential(spacing_ms, count)) - random.integers(0, jitter_ms + 1, count)
    return start_ms + times.astype(np.int64)


def late_share(times: Ints, wrong: Ints, policy: Policy = RULES) -> float:
    """The share of honest events that are late. `wrong` are the indices of the others."""
    before = np.append(NEVER, followed(times, policy=policy))[:-1]
    return float(np.delete(times < before - DISORDER_MS, wrong).mean())


def forged(times: Ints, wrong: Ints, ahead_ms: Ints | int) -> Ints:
    """Events with some of them ahead of what they would be."""
    out = times.copy()
    out[wrong] += ahead_ms
    return out


def everywhere(count: int, share: float, seed: int = 2) -> Ints:
    return np.flatnonzero(np.random.default_rng(seed).random(count) < share)


@pytest.mark.parametrize("spacing_ms", [5, 50, 1_000, 60_000])
@pytest.mark.parametrize("ahead_ms", [60_000, 300_000, 300 * 24 * HOUR_MS])
def test_one_event_in_a_hundred_ahead_makes_none_late(spacing_ms: int, ahead_ms: int) -> None:
    """With time that follows each event, nearly all honest events were late."""
    count = 400_000 if PROVE else 10_000
    times = honest(count, spacing_ms)
    for wrong in (everywhere(count, 0.01), np.arange(50, count, 100)):
        disturbed = forged(times, wrong, ahead_ms)
        assert late_share(disturbed, wrong) == 0
        if ahead_ms >= spacing_ms * 100:
            assert late_share(disturbed, wrong, FOLLOWS_ALL) > 0.9


@pytest.mark.parametrize("burst", [9, 50, 100])
@pytest.mark.parametrize("spacing_ms", [2, 10, 50])
@pytest.mark.parametrize("shape", ["together", "as they came", "anywhere", "creeping"])
def test_a_burst_in_a_dense_log_makes_none_late(burst: int, spacing_ms: int, shape: str) -> None:
    """A producer sends an array of events with wrong times, however these lie."""
    times = honest(6_000, spacing_ms)
    random = np.random.default_rng(3)
    ahead = {
        "together": np.full(burst, 300_000),
        "as they came": np.full(burst, 240_000),
        "anywhere": random.integers(0, 300_000, burst),
        "creeping": 5_000 + 2_000 * np.arange(burst),
    }[shape]
    for start in (100, 1_000, 3_000, 3_060, 4_321):
        wrong = np.arange(start, start + burst)
        disturbed = forged(times, wrong, ahead)
        if shape == "together":
            disturbed[wrong] = disturbed[wrong[0]]
        if start > 220:  # Before that nobody knows yet that the log is dense.
            assert late_share(disturbed, wrong) == 0, start
        else:
            assert burst > 10 or late_share(disturbed, wrong) == 0


def test_ten_events_ahead_of_a_thin_log_make_none_late() -> None:
    times = honest(2_000, 5_000)
    for start in range(20, 1_900, 97):
        wrong = np.arange(start, start + 10)
        assert late_share(forged(times, wrong, 300_000), wrong) == 0


@pytest.mark.parametrize("spacing_ms", [10, 1_000])
def test_events_that_creep_ahead_do_not_pull_time_along(spacing_ms: int) -> None:
    """One in a hundred is a little ahead of where time would be if it followed them."""
    times = honest(50_000, spacing_ms)
    wrong = np.arange(50, len(times), 100)
    disturbed = forged(times, wrong, 1_000 * np.arange(1, len(wrong) + 1))
    assert late_share(disturbed, wrong) == 0
    assert (followed(disturbed) <= np.maximum.accumulate(times)).all()


def test_first_events_that_are_wrong_move_nothing() -> None:
    times = honest(1_000, 1_000)
    wrong = np.arange(10)
    assert late_share(forged(times, wrong, HOUR_MS), wrong) == 0
    assert (followed(times)[:10] == NEVER).all()
    assert followed(times)[10] == times[:11].min()


@pytest.mark.parametrize(("spacing_ms", "events"), [(60_000, 11), (1_000, 11), (10, 110)])
def test_time_follows_soon_after_a_pause_of_hours(spacing_ms: int, events: int) -> None:
    before = honest(5_000, spacing_ms, jitter_ms=0)
    after = honest(5_000, spacing_ms, jitter_ms=0, start_ms=int(before[-1]) + 9 * HOUR_MS)
    seen = followed(np.concatenate((before, after)))[len(before) :]
    assert seen[events - 2] < after[0] <= seen[events - 1]


@pytest.mark.parametrize(("spacing_ms", "events"), [(3_600_000, 11), (60_000, 11), (1_000, 11), (50, 110), (1, 110)])
def test_time_lags_few_events_behind(spacing_ms: int, events: int) -> None:
    times = honest(20_000, spacing_ms, jitter_ms=0)
    seen = followed(times)
    settled = np.arange(2_000, len(times))
    assert (seen[settled] == times[settled - events + 1]).all()


def test_a_dense_log_that_slows_down_is_followed_after_few_events() -> None:
    """A model's traffic moves away: what is left must not hold back the panes of all the others."""
    before = honest(5_000, 10, jitter_ms=0)
    after = honest(100, 20_000, jitter_ms=0, start_ms=int(before[-1]))
    seen = followed(np.concatenate((before, after)))[len(before) :]
    assert (seen[11:] >= after[: len(after) - 11]).all()


def test_old_events_do_not_hold_time_back() -> None:
    """A producer sends what it missed: most of what comes is hours old."""
    times = honest(50_000, 10)
    old = everywhere(len(times), 0.8)
    seen = followed(forged(times, old, -3 * HOUR_MS))
    assert (np.maximum.accumulate(times) - seen)[5_000:].max() < 20_000


@pytest.mark.parametrize("outliers", [0, 1, 10])
def test_time_is_the_same_however_the_log_is_cut_and_worked_out(outliers: int) -> None:
    """Dense, slowing down, thin, dense again, with old and wrong events; against the slow way."""
    policy = msgspec.structs.replace(RULES, outliers=outliers)
    random = np.random.default_rng(5)
    spacing = np.repeat([20, 2_000, 9_000, 40], [1_300, 300, 200, 900])
    times = (START_MS + np.cumsum(random.exponential(spacing))).astype(np.int64)
    times -= np.where(random.random(len(times)) < 0.2, random.integers(0, 8_000, len(times)), 0)
    times += np.where(random.random(len(times)) < 0.01, 300_000, 0)
    clock, wanted = Clock(outliers, DISORDER_MS), []
    for each in times.tolist():
        clock.take(each)
        wanted.append(clock.now or NEVER)
    for sizes in (1, 7, 50, 1_000, len(times)):
        assert followed(times, sizes, policy).tolist() == wanted, sizes
    assert all(before <= after for before, after in pairwise(wanted))
