"""ADWIN and Page-Hinkley look at what a season leaves: day and night are no change, and a change is one at any hour."""

import math
import os

import numpy as np
import pytest

from operators.arrays import Floats
from operators.drift.change_monitor import Watch
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.season import DAY, Season
from operators.drift.detectors.standard import Standardiser
from operators.spans import HOUR_MS
from tests.real_data.drifting import Detector, seasonal_alarms
from tests.saving import again

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
WEEKS, PANE_S = (8, 60) if PROVE else (3, 300)
PER_HOUR = 3_600 // PANE_S
both = pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])


def shop(seed: int, weeks: int = WEEKS) -> tuple[Floats, Floats]:
    """Times [s] and pane values: 0.3 by night, 1 by day, with noise of 0.2."""
    rng = np.random.default_rng(seed)
    hours = np.repeat(np.arange(weeks * 7 * DAY), PER_HOUR)
    level = np.where(hours % DAY < 7, 0.3, 1.0)
    return np.arange(len(hours), dtype=float) * PANE_S, level + rng.normal(0, 0.2, len(hours))


@both
def test_a_shop_with_a_night_is_no_change_from_its_third_day_on(detector: type[Detector]) -> None:
    times, values = shop(1)
    at = [times[each] / 86_400 for each in seasonal_alarms(detector, times.tolist(), values.tolist())]
    assert len([each for each in at if each < 3]) <= 6, "a day has to be seen before it is known"
    assert len([each for each in at if each >= 3]) <= 0.3 * WEEKS


@both
@pytest.mark.parametrize("hour", [2, 12])
def test_a_change_is_found_at_any_hour(detector: type[Detector], hour: int) -> None:
    times, values = shop(2, weeks=2)
    begun = (10 * DAY + hour) * PER_HOUR
    values[begun:] += 0.4
    at = [each for each in seasonal_alarms(detector, times.tolist(), values.tolist()) if each >= 3 * DAY * PER_HOUR]
    assert begun <= at[0] <= begun + 6 * PER_HOUR


@both
def test_without_a_season_nothing_is_otherwise(detector: type[Detector]) -> None:
    """White noise, and one that wanders, have none."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=10 * DAY * 12)
    wandering = np.convolve(rng.normal(size=len(noise) + 20), np.ones(20), "valid")[: len(noise)]
    for values in (noise, wandering):
        watch = Season()
        for at, z in enumerate(values.tolist()):
            watch.begin(at * 300_000)
            watch.add(z)
            assert not watch.on
    del detector


def test_one_bad_day_is_not_expected_of_the_next() -> None:
    season = Season()
    for hour in range(6 * DAY):
        season.begin(hour * HOUR_MS)
        season.add(100.0 if hour // DAY == 4 else float(hour % DAY < 7))
    assert [float(each) for each in season._expected(np.array([6 * DAY + 3, 6 * DAY + 12]))] == [1.0, 0.0]


def test_hours_without_panes_are_not_known() -> None:
    season = Season()
    for day in range(10):
        for hour in range(8, 20):
            season.begin((day * DAY + hour) * HOUR_MS)
            season.add(float(hour))
    season.begin((10 * DAY + 3) * HOUR_MS)
    assert season.on
    assert math.isnan(season.level)
    assert season.standardise(5.0) is None
    season.begin((10 * DAY + 9) * HOUR_MS)
    assert season.level == 9.0
    season.begin((60 * DAY) * HOUR_MS)
    assert not season.on, "four weeks without a pane: nothing is known any more"


def test_it_goes_on_after_a_restart() -> None:
    times, values = shop(4, weeks=1)
    one, other = (Watch(standardiser=Standardiser(), detector=AdwinDetector(), series=None) for _ in range(2))  # type: ignore[arg-type]
    for at, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
        if at % 500 == 0:
            other.season, other.detector = again((other.season, other.detector))
        found = [each.step(value, int(time * 1_000), AdwinDetector) for each in (one, other)]
        assert found[0] == found[1]
    assert one.season.on
    assert one.expected == other.expected
