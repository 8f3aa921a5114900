"""Series that stray by themselves: how often detectors alarm while nothing changes, and how soon they find what does.

python -m tests.bench.simulate_straying       # two minutes of one core

Seasons of a day with other weekends, neighbouring panes correlated by 0, .5 or .9, normal or heavy tails (Student's t
with 3 degrees of freedom), and a level that wanders over 3, 12 or 48 hours by none, a third or all of the noise: drawn
anew for each series.
"""

import numpy as np
from scipy.signal import lfilter

from operators.arrays import Floats
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from tests.real_data.drifting import Detector, seasonal_alarms

DAY, WEEK = 24, 168


def correlated(rng: np.random.Generator, n: int, correlation: float, *, heavy: bool = False) -> Floats:
    """Return n values with variance 1 that follow each other (first-order autoregression)."""
    drawn = rng.standard_t(3, n) / 3**0.5 if heavy else rng.normal(size=n)
    return np.asarray(lfilter([(1 - correlation**2) ** 0.5], [1.0, -correlation], drawn))


def straying(rng: np.random.Generator, weeks: int, per_hour: int) -> tuple[Floats, float]:
    """Return a series of panes without a change, and how far it strays after its season (a standard deviation)."""
    hours = np.arange(weeks * WEEK * per_hour) / per_hour
    waves = [size * np.sin(times * np.pi * (hours - rng.uniform(0, DAY)) / DAY) for size, times in ((1, 2), (0.4, 4))]
    weekend = np.where((hours // DAY) % 7 >= 5, rng.choice([1.0, 0.5]), 1.0)
    noise = correlated(rng, len(hours), rng.choice([0.0, 0.5, 0.9]), heavy=bool(rng.random() < 0.5))
    wander = rng.choice([0.0, 0.3, 1.0])
    level = correlated(rng, weeks * WEEK, float(np.exp(-1 / rng.choice([3, 12, 48]))))
    season = rng.choice([0, 1, 3, 6]) * sum(waves) * weekend
    return 10 + season + noise + wander * np.repeat(level, per_hour), float((1 + wander**2) ** 0.5)


def alarms(fresh: type[Detector], values: Floats, per_hour: int) -> Floats:
    """Return the hours of the alarms on a series, as the product runs a detector."""
    times = np.arange(len(values)) * (3_600.0 / per_hour)
    return times[seasonal_alarms(fresh, times.tolist(), values.tolist())] / 3_600


def without_change(fresh: type[Detector], seed: int, series: int, weeks: int = 4, per_hour: int = 12) -> list[Floats]:
    """Return the hours of alarms on so many series in which nothing changes."""
    rngs = [np.random.default_rng([seed, at]) for at in range(series)]
    return [alarms(fresh, straying(rng, weeks, per_hour)[0], per_hour) for rng in rngs]


def found_after(
    fresh: type[Detector],
    seed: int,
    series: int,
    size: float,
    *,
    lasts: int = 2 * WEEK,
    weeks: int = 4,
    per_hour: int = 12,
) -> Floats:
    """Return after how many hours a move by `size` deviations is found that begins just after half of the weeks.

    Infinite: never.

    It lasts for so many hours; an alarm within six hours of its end counts.
    """
    at = np.full(series, np.inf)
    for number in range(series):
        rng = np.random.default_rng([seed, number])
        values, strays = straying(rng, weeks, per_hour)
        begun = int(rng.uniform(3.5 * weeks + 1, 3.5 * weeks + 2) * DAY)
        values[begun * per_hour : (begun + lasts) * per_hour] += size * strays
        after = alarms(fresh, values, per_hour) - begun
        after = after[(after >= 0) & (after <= lasts + 6)]
        at[number] = after[0] if len(after) else np.inf
    return at


def main() -> None:
    for fresh in (AdwinDetector, PageHinkleyDetector):
        quiet = without_change(fresh, 1, 48)
        late = sum(int((each >= 2 * DAY).sum()) for each in quiet) / (48 * (4 - 2 / 7))
        name = fresh.__name__
        print(f"{name}: {sum(map(len, quiet)) / 192:.2f} false alarms a week; after the second day {late:.2f}")
        for size, lasts in ((1.0, 2 * WEEK), (2.0, 2 * WEEK), (4.0, 2 * WEEK), (4.0, 6)):
            at = found_after(fresh, 2, 32, size, lasts=lasts)
            shares = f"{(at <= DAY).mean():.0%} in a day, {(at <= 3 * DAY).mean():.0%} in three"
            print(f"  {size:g} deviations for {lasts} h: median {np.median(at):.1f} h, {shares}")


if __name__ == "__main__":
    main()
