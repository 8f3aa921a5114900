"""Where the broker stamps messages time follows single events, and still no few of them can move it."""

import os
from collections.abc import Sequence
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
DISORDER_MS, BEHIND_MS = 5_000, 60_000
HOUR_MS = 3_600_000
RULES = parse(POLICY)


def followed(times: Ints, appended: Ints | None, sizes: int = 4_000, policy: Policy = RULES) -> Ints:
    """The partition's time after each event, taken in batches of one size."""
    time, recent, seen = NEVER, Recent(), [NONE]
    for start in range(0, len(times), sizes):
        stamps = None if appended is None else appended[start : start + sizes]
        after, recent = advance(time, recent, times[start : start + sizes], policy, stamps)
        time = int(after[-1])
        seen.append(after)
    return np.concatenate(seen)


def stamped(spacings_ms: Sequence[float], seed: int = 1) -> Ints:
    """When events were appended that come at random some milliseconds apart."""
    return START_MS + np.cumsum(np.random.default_rng(seed).exponential(spacings_ms)).astype(np.int64)


def delayed(appended: Ints, delay_ms: int, jitter_ms: int = 2_000, seed: int = 2) -> Ints:
    """What events say of their times that took so long to the broker, and up to a jitter more."""
    return appended - delay_ms - np.random.default_rng(seed).integers(0, jitter_ms + 1, len(appended))


def late(times: Ints, appended: Ints) -> Ints:
    """Which events are late."""
    before = np.append(NEVER, followed(times, appended))[:-1]
    return np.flatnonzero(times < before - DISORDER_MS)


@pytest.mark.parametrize("spacing_ms", [2, 50, 1_000, 60_000])
@pytest.mark.parametrize("delay_ms", [0, 20_000, 120_000])
def test_one_event_in_a_hundred_ahead_makes_none_late(spacing_ms: int, delay_ms: int) -> None:
    """Also where what is honest takes longer to the broker than `disorder`, and a time is hardly ahead of his."""
    appended = stamped([spacing_ms] * (200_000 if PROVE else 10_000))
    honest = delayed(appended, delay_ms)
    anywhere = np.flatnonzero(np.random.default_rng(3).random(len(honest)) < 0.01)
    for wrong in (anywhere, np.arange(50, len(honest), 100)):
        for ahead_ms in (-4_000, 0, DISORDER_MS):
            times = honest.copy()
            times[wrong] = appended[wrong] + ahead_ms
            assert not set(late(times, appended)) - set(wrong)


@pytest.mark.parametrize("burst", [9, 50, 100])
@pytest.mark.parametrize("delay_ms", [0, 20_000])
def test_a_burst_in_a_dense_log_makes_none_late(burst: int, delay_ms: int) -> None:
    appended = stamped([5] * 8_000)
    for start in (1_000, 1_100, 1_101, 4_321):
        wrong = np.arange(start, start + burst)
        times = delayed(appended, delay_ms)
        times[wrong] = appended[wrong] + DISORDER_MS
        assert not set(late(times, appended)) - set(wrong), start


@pytest.mark.parametrize("wrong", [1, 10, 500, 10_000])
def test_what_comes_within_disorder_is_never_late_whatever_others_say(wrong: int) -> None:
    """Also in the first events of a partition, and where nearly all of them lie."""
    appended = stamped([100] * 10_000)
    times = delayed(appended, 0, DISORDER_MS)
    lying = np.random.default_rng(4).permutation(len(times))[:wrong]
    lying[0] = 0
    times[lying] = appended[lying] + DISORDER_MS
    assert not set(late(times, appended)) - set(lying)


@pytest.mark.parametrize("spacing_ms", [1_000, 4_000, 60_000, HOUR_MS])
@pytest.mark.parametrize("delay_ms", [0, 20_000])
def test_time_follows_each_event_of_a_thin_partition(spacing_ms: int, delay_ms: int) -> None:
    """It was eleven events behind: 40 s with one every 4 s, for all partitions."""
    appended = stamped([spacing_ms] * 2_000)
    times = delayed(appended, delay_ms, jitter_ms=200)
    behind = times - followed(times, appended)
    assert behind.max() <= 200
    by_count = times - followed(times, None)
    assert np.median(by_count[1_000:]) > 8 * spacing_ms


def test_time_follows_a_partition_that_was_busy_and_is_not_any_more() -> None:
    """Of 20 a second one in five seconds was left: time was minutes behind."""
    appended = stamped([50] * 5_000 + [5_000] * 300)
    times = delayed(appended, 100, jitter_ms=200)
    behind = (times - followed(times, appended))[5_000:]
    assert behind.max() <= 200
    assert (times - followed(times, None))[5_000:].max() > 150_000


@pytest.mark.parametrize("spacing_ms", [10, 4_000])
def test_time_follows_few_events_after_they_begin_to_come_sooner(spacing_ms: int) -> None:
    """Producers that sent every half minute send at once from now on."""
    appended = stamped([spacing_ms] * 6_000)
    times = np.concatenate((delayed(appended[:3_000], 30_000), delayed(appended[3_000:], 0)))
    behind = (times - followed(times, appended))[3_000:]
    settled = 11 if spacing_ms > 1_000 else 330
    assert behind.max() <= 32_000
    assert behind[settled:].max() <= 2_000


def test_old_events_do_not_hold_time_back() -> None:
    """A producer sends what it missed: most of what comes is hours old."""
    appended = stamped([10] * 50_000)
    times = delayed(appended, 100)
    times[np.random.default_rng(5).random(len(times)) < 0.8] -= 3 * HOUR_MS
    assert (np.maximum.accumulate(times) - followed(times, appended))[5_000:].max() < 2_500


@pytest.mark.parametrize("outliers", [0, 1, 10])
def test_a_past_that_is_read_again_is_followed_as_in_a_file(outliers: int) -> None:
    """What was put into a topic long after it happened gives the rows that its file gives."""
    policy = msgspec.structs.replace(RULES, outliers=outliers)
    times = delayed(stamped([600] * 20_000), 0, 20_000)
    appended = START_MS + 40 * HOUR_MS + np.arange(len(times)) // 50
    assert (followed(times, appended, policy=policy) == followed(times, None, policy=policy)).all()


@pytest.mark.parametrize("outliers", [0, 1, 10])
def test_time_is_the_same_however_the_log_is_cut_and_worked_out(outliers: int) -> None:
    """Dense, slowing down, thin, dense again; with old and wrong events, and some that the broker did not stamp."""
    policy = msgspec.structs.replace(RULES, outliers=outliers)
    random = np.random.default_rng(6)
    appended = stamped(np.repeat([20, 2_000, 9_000, 40], [1_300, 300, 200, 900]).tolist())
    times = delayed(appended, 500, 8_000)
    times = np.where(random.random(len(times)) < 0.02, appended + DISORDER_MS, times)
    times[random.random(len(times)) < 0.1] -= 2 * HOUR_MS
    appended[random.random(len(times)) < 0.1] = NEVER
    wanted = slowly(times.tolist(), appended.tolist(), outliers)
    for sizes in (1, 7, 50, 1_000, len(times)):
        assert followed(times, appended, sizes, policy).tolist() == wanted, sizes
    assert all(before <= after for before, after in pairwise(wanted))


def slowly(times: list[int], appended: list[int], outliers: int) -> list[int]:
    """The same, event by event, as the rule is told."""
    few, many = outliers + 1, 10 * (outliers + 1)
    leads: list[int] = []
    stamps: list[int] = []
    clock = Clock(outliers, DISORDER_MS)
    out, now, looked = [], NEVER, 0
    for time, stamp in zip(times, appended, strict=True):
        if not outliers:
            now = max(now, time)
            out.append(now)
            continue
        if stamp > NEVER:
            if leads and len(leads) % (2 * many) == 0:
                looked = sorted(leads[-10 * many :], reverse=True)[many - 1]
            leads.append(time - stamp)
            stamps.append(stamp)
            last = sorted(leads[-many:], reverse=True)
            bound = last[few - 1] if len(last) >= few else last[-1]
            dense = len(leads) > 2 * many and stamp - stamps[-many] <= 2 * DISORDER_MS
            bound = looked if dense else bound
        if stamp > NEVER and time >= stamp - BEHIND_MS:
            now = max(now, min(time, stamp + min(bound, 0)))
        else:
            clock.take(time)
            now = max(now, clock.now or NEVER)
        out.append(now)
    return out
