"""Pane means in standard deviations, so that one setting of a detector serves every ratio and every measure.

The deviation is that of sums over time: neighbouring panes resemble each other, and with r the correlation of
neighbours, sums of such values wander sqrt((1 + r) / (1 - r)) times as far as sums of independent ones (first-order
autoregression: G. Box, G. Jenkins (1970), "Time Series Analysis", chapter 3). Without this factor Page-Hinkley
alarms four times on the real series `bank` (r = 0.86), in which five annotators see no change; with it never.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.drift.detectors.alarm import finite
from operators.stats.magnitude import scaled, unscaled

CLIP = 4.0  # One pane, however far off, is not a change: it takes several.
LEARNED_FROM = 60  # Panes. A whole day is better, where the day has a shape.
CORRELATION_MAX = 0.95
# A value is off by at most this many deviations where they are summed or squared: far above any that is meaningful.
Z_MAX = 1e30
SQUARED_MAX = 1e140  # Sums of squares of larger numbers may be beyond the largest float.
SD_SHARE_MIN = 1e-9  # Share of the mean: the deviation of a constant series, so that any lasting change is found.


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """What is normal for a series, in the unit of its values; `sd` > 0."""

    mean: float
    sd: float

    def standardise(self, x: float) -> float:
        """Return (x - mean) / sd for a finite x, at most CLIP to either side."""
        return min(max(self.off(x), -CLIP), CLIP)

    def off(self, x: float) -> float:
        """Return (x - mean) / sd for a finite x, at most Z_MAX to either side, however large the three are.

        >>> Scale(mean=-1.7e308, sd=1.7e308).off(1.7e308), Scale(mean=0.0, sd=1e-9).off(-1.7e308)
        (2.0, -1e+30)
        """
        difference = x - self.mean
        halved = math.isinf(difference)  # Beyond the largest float.
        z = (x / 2 - self.mean / 2) / self.sd * 2 if halved else difference / self.sd
        return min(max(z, -Z_MAX), Z_MAX)


def learn(values: Sequence[float], sd_min: float = 0.0) -> Scale:
    """Return the scale of a series from its values in order of time.

    `sd_min`: the deviation by chance alone, such as `ratio_sd`. ValueError: fewer than two values, or not finite.

    >>> learn([1.0, 2.0, 1.0, 2.0])
    Scale(mean=1.5, sd=0.5773502691896257)
    """
    series = np.asarray(values, float)
    if len(series) < 2 or not np.isfinite(series).all():
        raise ValueError(f"need two or more finite values, got {values!r}")
    small, exponent = scaled(series) if np.abs(series).max() > SQUARED_MAX else (series, 0)
    off = small - small.mean()
    squares = float(off @ off)
    correlation = float(off[1:] @ off[:-1]) / squares if squares > 0 else 0.0
    r = min(max(correlation, 0.0), CORRELATION_MAX)
    mean = unscaled(float(small.mean()), exponent)
    sd = unscaled(float((squares / (len(series) - 1) * (1 + r) / (1 - r)) ** 0.5), exponent)
    return Scale(mean=mean, sd=max(sd, sd_min, SD_SHARE_MIN * max(abs(mean), 1.0)))


def ratio_sd(bad: int, n: int, pane_n: float) -> float:
    """Return the deviation of the bad ratio of panes with `pane_n` events, from `bad` of `n` so far.

    Half an event is added to good and to bad, so that a series without a failure so far has a deviation too.

    >>> round(ratio_sd(0, 999, 100), 5)
    0.00224
    """
    share = (bad + 0.5) / (n + 1)
    return float((share * (1 - share) / max(pane_n, 1.0)) ** 0.5)


class Standardiser(msgspec.Struct, kw_only=True):
    """Learns the scale of one series from its first values, then is frozen: the state of one series.

    Nothing is lost to learning: the first values come out when their scale is known.

    >>> standardiser = Standardiser(learned_from=3)
    >>> [standardiser.update(x) for x in (1.0, 3.0, 2.0, 3.0)]
    [[], [], [-1.0, 1.0, 0.0], [1.0]]
    """

    learned_from: int = LEARNED_FROM
    sd_min: float = 0.0
    values: list[float] = []
    scale: Scale | None = None

    def update(self, x: float) -> list[float]:
        """Take the next value; return those that can be standardised now, in order. ValueError: x is not finite."""
        self.values.append(finite(x))
        if self.scale is None:
            if len(self.values) < self.learned_from:
                return []
            self.scale = learn(self.values, self.sd_min)
        values, self.values = self.values, []
        return [self.scale.standardise(value) for value in values]
