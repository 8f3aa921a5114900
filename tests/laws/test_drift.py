"""What every detector keeps to, whatever it is fed, and what every accumulated histogram keeps to."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.alarm import Alarm
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import Standardiser
from operators.saved.registry import Saved
from operators.stats.divergence import hellinger, jensen_shannon, kl, psi
from operators.stats.psi import shift
from tests.saving import again as saved_again


class Detector(Protocol):
    def update(self, x: float) -> Alarm | None: ...


class Standardised:
    """Page-Hinkley as it is used: on values whose scale it learned itself."""

    def __init__(self) -> None:
        self._scale, self._detector = Standardiser(), PageHinkleyDetector()

    def update(self, x: float) -> Alarm | None:
        found = [self._detector.update(standard) for standard in self._scale.update(x)]
        return next((alarm for alarm in found if alarm is not None), None)


DETECTORS: list[Callable[[], Detector]] = [AdwinDetector, PageHinkleyDetector, Standardised]
every_detector = pytest.mark.parametrize("make", DETECTORS)

numbers = st.floats(-1e6, 1e6, allow_nan=False)
# Noise around levels that change, so that there are alarms to agree on.
streams = st.builds(
    lambda seed, levels: (np.repeat(levels, 120) + np.random.default_rng(seed).normal(size=120 * len(levels))).tolist(),
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0.0, 3.0, -5.0]), min_size=1, max_size=4),
)


def feed(detector: Detector, values: Sequence[float]) -> list[Alarm | None]:
    return [detector.update(x) for x in values]


@every_detector
@given(values=streams)
def test_the_same_values_give_the_same_alarms(make: Callable[[], Detector], values: list[float]) -> None:
    assert feed(make(), values) == feed(make(), values)


@every_detector
@given(values=streams, data=st.data())
def test_a_stop_and_a_start_anywhere_change_nothing(
    make: Callable[[], Detector], values: list[float], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(values)))
    first = make()
    head = feed(first, values[:cut])
    again = saved_again(first, Saved("test", Standardised, ("_scale", "_detector")))
    assert head + feed(again, values[cut:]) == feed(make(), values)
    assert feed(first, values[cut:]) == feed(make(), values)[cut:]


@every_detector
@given(x=numbers)
def test_what_never_changes_never_alarms(make: Callable[[], Detector], x: float) -> None:
    assert not any(feed(make(), [x] * 500))


@every_detector
@given(seed=st.integers(1_000, 3_000), step=st.sampled_from([-6.0, 4.0, 10.0]))
def test_one_change_is_one_alarm_and_none_before(make: Callable[[], Detector], seed: int, step: float) -> None:
    values = np.random.default_rng(seed).normal(size=600)
    # Of 6,000 seeds from 0 on, one alarms by chance before the change (`false_alarms`): not one of these.
    values[300:] += step
    found = [at for at, alarm in enumerate(feed(make(), values.tolist())) if alarm]
    assert len(found) == 1
    assert 300 <= found[0] < 330


@every_detector
@given(values=st.lists(numbers, max_size=100), bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_refused_leaves_no_trace(make: Callable[[], Detector], values: list[float], bad: float) -> None:
    detector = make()
    feed(detector, values)
    with pytest.raises(ValueError, match="finite"):
        detector.update(bad)
    assert feed(detector, values) == feed(make(), values * 2)[len(values) :]


histograms = st.integers(2, 12).flatmap(
    lambda bins: st.lists(st.lists(st.integers(0, 10_000), min_size=bins, max_size=bins), min_size=2, max_size=5)
)


@given(histograms)
def test_scores_are_those_of_each_series_alone(rows: list[list[int]]) -> None:
    current, reference = np.array(rows), np.array(rows[0])
    for score in (psi, kl, jensen_shannon, hellinger):
        alone = [score(np.array(row), reference) for row in rows]
        np.testing.assert_allclose(score(current, reference), alone, rtol=1e-12, atol=1e-15)


@given(histograms)
def test_scores_keep_their_ranges_and_their_symmetry(rows: list[list[int]]) -> None:
    current, reference = np.array(rows[0]), np.array(rows[1])
    if not (current.any() and reference.any()):
        return
    # Equal shares leave rounding below zero.
    for score in (psi, kl, jensen_shannon, hellinger):
        assert -1e-12 <= score(current, reference) < np.inf
    for score in (psi, jensen_shannon, hellinger):
        assert score(current, reference) == pytest.approx(score(reference, current), abs=1e-12)
    assert jensen_shannon(current, reference) <= np.log(2)
    assert hellinger(current, reference) <= 1


@given(histograms, st.randoms(use_true_random=False))
def test_the_order_of_bins_does_not_matter(rows: list[list[int]], random: "np.random.Generator") -> None:
    order = list(range(len(rows[0])))
    random.shuffle(order)
    current, reference = np.array(rows), np.array(rows[0])
    one, other = shift(current, reference), shift(current[:, order], reference[order])
    np.testing.assert_allclose(one.score, other.score, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(one.enough, other.enough)


@given(histograms)
def test_an_alarm_is_beyond_its_threshold(rows: list[list[int]]) -> None:
    found = shift(np.array(rows), np.array(rows[0]))
    assert (found.score[found.alarm] > found.threshold[found.alarm] * (1 - 1e-9)).all()
    assert not found.alarm[0]
    assert ((found.p >= 0) & (found.p <= 1)).all()
