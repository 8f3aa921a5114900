"""What is usual for a series at this hour: the level of an hour of the week, learned on the fly, and how far it strays.

The means of the last four weeks' hours are kept of each series. The expected value of an hour is the median of that
hour of the week over the last three weeks, where two of them are known, else that of the same hour of the last seven
days: one bad day moves neither. It is used once it is surely better than no season: as soon as, over the last two
weeks, hours deviate from it by less than GAIN of their deviation from the last week's median, and until they deviate by
more than GAIN_LOST. A series without a season is watched by its values alone.

What remains is standardised by the deviation of the hours around this one (over all days, shrunk to that of all hours),
times the square root of the panes in an hour: so a pane counts as much as it adds to an hour's mean, and correlated
hours count less, as panes do (`standard.py`). With a season or without, a pane's deviation is no smaller than the
scatter of panes within their hours (a spike at the same minute of each day lifts its hour, not the panes beside it),
nor than how far the series wanders by itself (`wander.py`). The same hours decide whether the level that a detector
found is news (`novelty.py`). On public series of the Numenta anomaly benchmark, 39 weeks, ADWIN alarms 9 times outside
labelled windows, against 150 times on the values alone, Page-Hinkley 6 times against 96, and both hit as many of the
windows (`tests/bench/nab.py`).
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.drift.detectors.novelty import Running
from operators.drift.detectors.outages import median, without_outages
from operators.drift.detectors.standard import CORRELATION_MAX
from operators.drift.detectors.wander import wander
from operators.spans import HOUR_MS

DAY, WEEK = 24, 168  # Hours.
KEPT = 4 * WEEK
DAYS, WEEKS, WEEKS_MIN = 7, 3, 2
LOOK = 2 * WEEK  # Hours that decide whether there is a season, and show how far they stray.
HOURS_MIN = 24  # Hours with an expected value before a season may be found.
GAIN, GAIN_LOST = 0.7, 0.85
PRIOR = 6  # The deviation of all hours counts as this many hours, beside those of this time of day.
SD_MIN = 1e-9
OUTAGE = 25.0  # One hour counts for at most this many times the usual variance within hours.
FAR = 6.0  # A pane counts for at most this many deviations: Page-Hinkley needs three such panes.


class Season(msgspec.Struct, kw_only=True):
    """One series, in standard deviations of its scale: `means` (KEPT,) by hour since 1970 modulo KEPT, NaN for none.

    `hour` is the running hour, `total` the sum of its `panes`; the last hour with panes had `per_hour`. `on`: there is
    a season, and `level` and `sd` are those of `hour`; `level` is NaN where it is unknown.

    `squares` is the sum of squared values in `hour`; `scatter` is the variance of panes within their hours, over
    `hours` hours; `wander` is the deviation of a pane by how far hours wander; `centre` is what values are counted from
    without a season: the last day's median once that is FAR from the old centre, so that further moves are still seen.
    """

    means: NDArray[np.float32] = msgspec.field(default_factory=lambda: np.full(KEPT, np.nan, np.float32))
    hour: int = -1
    total: float = 0.0
    panes: int = 0
    per_hour: int = 1
    on: bool = False
    level: float = np.nan
    sd: float = 1.0
    squares: float = 0.0
    scatter: float = 0.0
    hours: int = 0
    wander: float = 0.0
    centre: float = 0.0

    def begin(self, start: int, lengths: Sequence[int] = (1,)) -> bool:
        """Begin the pane at `start` [Unix ms]; return whether values are now counted from something else.

        Panes come in order. `lengths` of blocks, in hours, are those over which the series may wander.
        """
        hour = start // HOUR_MS
        if hour <= self.hour:  # Clocks that are set back show an hour twice.
            return False
        before = self.on, self.centre
        level = self._end(hour, lengths)
        if self.on:
            self.level = level
        return (self.on, self.centre) != before

    def add(self, z: float) -> None:
        """Count the pane's value."""
        self.total, self.squares, self.panes = self.total + z, self.squares + z * z, self.panes + 1

    def standardise(self, z: float) -> float | None:
        """Return a value less the season, if there is one, in usual deviations, at most FAR to either side.

        None if this hour's level is unknown.
        """
        if not self.on:
            return float(min(max((z - self.centre) / max(1.0, self.wander), -FAR), FAR))
        if np.isnan(self.level):
            return None
        return float(min(max((z - self.level) / max(self.sd, self.wander, self.scatter**0.5), -FAR), FAR))

    def left(self) -> Floats:
        """Return the hours' means less the season, or where there is none the means themselves.

        These are the hours of the last four weeks before this one, from the first known one on; NaN for unknown ones.
        """
        past = np.arange(self.hour - KEPT + 1, self.hour)
        means = self.means[past % KEPT].astype(float)
        left = means - self._expected(past) if self.on else means
        known = np.flatnonzero(np.isfinite(left))
        return left[known[0] :] if len(known) else left[:0]

    @property
    def running(self) -> Running:
        """The running hour so far, with one pane or more."""
        mean = self.total / self.panes - (self.level if self.on else 0.0)
        share = min(self.panes / self.per_hour, 1.0)
        return Running(mean=mean, share=share, variance=0.0 if share == 1.0 else self.scatter / self.panes)

    def _end(self, hour: int, lengths: Sequence[int]) -> float:
        """Keep the hour that ended, and check whether there is a season; return the new hour's expected level."""
        if self.panes:
            self.means[self.hour % KEPT], self.per_hour = self.total / self.panes, self.panes
        if self.panes > 1:
            within = max(self.squares - self.total**2 / self.panes, 0.0) / (self.panes - 1)
            if self.hours >= DAY and self.scatter > 0:
                within = min(within, OUTAGE * self.scatter)
            self.hours = min(self.hours + 1, WEEK)
            self.scatter += (within - self.scatter) / self.hours
        # Hours without a pane have no mean; their places still hold those of four weeks before.
        first = max(self.hour + 1, hour - KEPT + 1) if self.hour >= 0 else hour
        self.means[np.arange(first, hour + 1) % KEPT] = np.nan
        self.hour, self.total, self.squares, self.panes = hour, 0.0, 0.0, 0
        past = np.arange(hour - LOOK, hour)
        means = self.means[past % KEPT].astype(float)
        self._follow(means[-DAY:])
        expected = self._expected(np.arange(hour - LOOK, hour + 1))
        off = without_outages(means - expected[:-1])
        means = without_outages(means)
        known = np.isfinite(off)
        self.on = known.sum() >= HOURS_MIN and self._is_better(means, off, known)
        if self.on:
            self.sd = self._deviation(off[known], (past[known] - hour) % DAY)
        self.wander = (wander(off if self.on else means, lengths) * self.per_hour) ** 0.5
        return float(expected[-1])

    def _follow(self, day: Floats) -> None:
        """Count values from the last day's median where that is as far off as a value may count."""
        known = day[np.isfinite(day)]
        if len(known) >= DAY // 2 and abs(median(known) - self.centre) >= FAR * max(1.0, self.wander):
            self.centre = median(known)

    def _is_better(self, means: Floats, off: Floats, known: NDArray[np.bool_]) -> bool:
        """Tell whether hours surely deviate less with a season than without."""
        recent = means[-WEEK:] if np.isfinite(means[-WEEK:]).any() else means
        usual = median(recent[np.isfinite(recent)])
        gain = GAIN_LOST if self.on else GAIN
        return bool(np.abs(off[known]).mean() < gain * np.abs(means[known] - usual).mean())

    def _expected(self, hours: Ints) -> Floats:
        """Return the expected levels of hours (H,) from those before each, NaN where none is known."""
        weeks = self._before(hours, WEEK, WEEKS)
        enough = np.isfinite(weeks).sum(axis=1) >= WEEKS_MIN
        if enough.all():
            return _median(weeks)
        days = _median(self._before(hours, DAY, DAYS))
        return np.asarray(np.where(enough, _median(weeks), days)) if enough.any() else days

    def _before(self, hours: Ints, step: int, count: int) -> Floats:
        """Return the means of `count` hours before each of `hours`, a `step` apart, (H, `count`)."""
        before = (hours[:, None] - step * np.arange(1, count + 1)) % KEPT
        return np.asarray(self.means[before].astype(float))

    def _deviation(self, off: Floats, time_of_day: Ints) -> float:
        """Return a pane's standard deviation, from that of hours, with more weight on hours at this time of day."""
        everywhere = float((off**2).mean())
        near = off[(time_of_day <= 1) | (time_of_day == DAY - 1)]
        here = (float((near**2).sum()) + PRIOR * everywhere) / (len(near) + PRIOR)
        following = float((off[1:] * off[:-1]).mean()) / everywhere if everywhere > 0 and len(off) > 1 else 0.0
        r = min(max(following, 0.0), CORRELATION_MAX)
        return max(float((here * self.per_hour * (1 + r) / (1 - r)) ** 0.5), SD_MIN)


def _median(values: Floats) -> Floats:
    """Return the median of each row without its NaN, NaN for a row of none."""
    rising = np.sort(values, axis=1)  # NaN come last.
    n = np.isfinite(rising).sum(axis=1)
    rows = np.arange(len(rising))
    middle = (rising[rows, np.maximum(n - 1, 0) // 2] + rising[rows, n // 2]) / 2
    return np.asarray(np.where(n > 0, middle, np.nan))
