"""ADWIN, Page-Hinkley and the scale of what they watch; they equal river's own on the same values."""

import math
from typing import Any

import numpy as np
import pytest
from river import drift

from operators.arrays import Floats
from operators.drift.change_monitor import Watch
from operators.drift.detectors.adwin import DELTA, AdwinDetector
from operators.drift.detectors.alarm import Alarm
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import CLIP, Scale, Standardiser, learn, ratio_sd
from operators.window.series_index import SliceSeries


def stream(seed: int) -> Floats:
    """Levels that change every few hundred values, and noise."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.normal(0, 2, 12), rng.integers(50, 400, 12))
    return np.asarray(levels + rng.normal(size=len(levels)))


def rivers(detector: Any, values: Floats) -> list[int]:
    found = []
    for at, x in enumerate(values.tolist()):
        detector.update(x)
        if detector.drift_detected:
            found.append(at)
    return found


def ours(detector: AdwinDetector | PageHinkleyDetector, values: Floats) -> dict[int, Alarm]:
    alarms = {at: detector.update(x) for at, x in enumerate(values.tolist())}
    return {at: alarm for at, alarm in alarms.items() if alarm is not None}


MAKE_RIVER: Any = drift


@pytest.mark.parametrize("seed", range(10))
def test_adwin_equals_river(seed: int) -> None:
    values = stream(seed)
    for delta, clock in ((DELTA, 1), (0.002, 32), (0.01, 7)):
        found = ours(AdwinDetector(delta, clock), values)
        assert list(found) == rivers(MAKE_RIVER.ADWIN(delta=delta, clock=clock), values)
        assert found


@pytest.mark.parametrize("seed", range(10))
def test_page_hinkley_equals_river(seed: int) -> None:
    values = stream(seed)
    for allowance, threshold, alpha in ((0.5, 15.0, 1.0), (0.005, 50.0, 0.9999)):
        found = ours(PageHinkleyDetector(allowance, threshold, alpha=alpha), values)
        theirs = MAKE_RIVER.PageHinkley(delta=allowance, threshold=threshold, alpha=alpha)
        assert list(found) == rivers(theirs, values)
        assert all(alarm.score > alarm.threshold == threshold for alarm in found.values())
        assert found


@pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])
@pytest.mark.parametrize("to", [3.0, -3.0])
def test_an_alarm_says_the_direction(detector: type[AdwinDetector] | type[PageHinkleyDetector], to: float) -> None:
    values = np.random.default_rng(1).normal(size=400)
    values[200:] += to
    (alarm,) = ours(detector(), values).values()
    assert alarm.rose == (to > 0)


@pytest.mark.parametrize("by", [3.0, -3.0])
def test_a_move_within_what_is_learned_from_has_its_direction(by: float) -> None:
    """It is found once the scale is known, in the pane in which that is: what came before is looked at then."""
    values = np.random.default_rng(1).normal(size=60)
    values[30:] += by
    detector = PageHinkleyDetector(allowance=0.1, threshold=4.0, samples_min=10)
    series = SliceSeries("m", "v1", "*", {})
    watch = Watch(standardiser=Standardiser(learned_from=60), detector=detector, series=series)
    alarms = [watch.step(value, 60_000 * at, PageHinkleyDetector) for at, value in enumerate(values.tolist())]
    assert alarms[:-1] == [None] * 59
    assert alarms[-1] is not None
    assert alarms[-1].rose == (by > 0)


def test_adwin_forgets_what_was_before_the_change() -> None:
    adwin = AdwinDetector()
    ours(adwin, np.r_[np.zeros(300), np.full(300, 4.0)])
    assert adwin.mean == 4.0
    assert adwin.samples <= 300


@pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])
@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(detector: type[AdwinDetector] | type[PageHinkleyDetector], x: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        detector().update(x)


def test_settings_out_of_range_are_refused() -> None:
    for delta, clock in ((0.0, 1), (1.0, 1), (0.1, 0)):
        with pytest.raises(ValueError, match=r"delta|clock"):
            AdwinDetector(delta, clock)
    for allowance, threshold, alpha in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 1.1)):
        with pytest.raises(ValueError, match=r"allowance|alpha"):
            PageHinkleyDetector(allowance, threshold, alpha=alpha)


def test_values_that_follow_each_other_have_a_wider_scale() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=20_000)
    follows = np.zeros(20_000)
    for at in range(1, len(noise)):
        follows[at] = 0.8 * follows[at - 1] + 0.6 * noise[at]  # Its deviation is 1 as well.
    assert learn(noise.tolist()).sd == pytest.approx(1, rel=0.05)
    assert learn(follows.tolist()).sd == pytest.approx(3, rel=0.1)


def test_a_constant_series_has_a_scale() -> None:
    scale = learn([5.0] * 60)
    assert scale.standardise(5.0) == 0
    assert scale.standardise(5.1) == CLIP
    assert learn([0.0] * 60, sd_min=ratio_sd(0, 6_000, 100)).standardise(0.01) == CLIP
    assert learn([0.0] * 60, sd_min=ratio_sd(0, 600, 10)).standardise(0.01) == pytest.approx(1.1, abs=0.1)


def test_a_scale_is_learned_once() -> None:
    standardiser = Standardiser(learned_from=3)
    assert [standardiser.update(x) for x in (1.0, 3.0, 2.0)] == [[], [], [-1.0, 1.0, 0.0]]
    assert standardiser.scale == Scale(mean=2.0, sd=1.0)
    assert [standardiser.update(x) for x in (3.0, 0.0, 99.0)] == [[1.0], [-2.0], [CLIP]]
    assert standardiser.values == []


def test_a_scale_needs_finite_values() -> None:
    for values in ([1.0], [1.0, math.nan]):
        with pytest.raises(ValueError, match="finite values"):
            learn(values)
