"""Is what serves now far worse than what served before? For a release that replaced its baseline at once.

There is nothing to compare with at the same time, so more is asked for: the candidate's ratio of bad events must be
beyond all that the baseline had lately, by a margin. With p0 the most that is allowed, the null "the ratio is at most
p0 in every blip" is tested against larger odds. A blip with x bad events of n has

    e = min((p / p0) ** x * ((1 - p) / (1 - p0)) ** (n - x), cap),    E[e | ratio <= p0] <= 1

and M_k = e_k (M_{k-1} + w_k), E_k = M_k + 1 / (k + 1), w_k = 1 / (k (k + 1)), averaged over a grid of p, as in
`operators/stats/e_process.py`: however often one looks, P(E ever reaches 1 / alpha | null) <= alpha (Ville 1939).
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.release.traffic import Counted
from operators.stats.binomial import upper_bound
from operators.stats.recovery_test import log_add

ODDS = (1.5, 3.0, 10.0)  # The odds of p, as multiples of those of p0.
ALPHA = 0.01  # For the bound of the baseline's last hours, all together.
HOUR_MIN = 100  # Events that an hour needs to count by itself.
EVENTS_MIN = 30  # In all hours together: fewer do not show what is usual.
P_MAX = 0.95  # Where the baseline was as bad as this, nothing is beyond it.


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """`good` and `bad` events of a candidate in `blips` blips, the first of which began in pane `since`.

    `log_m` is ln M for each of `ODDS`, `peak` the largest ln E so far.
    """

    since: int
    good: int = 0
    bad: int = 0
    blips: int = 0
    log_m: tuple[float, ...] = (-math.inf,) * len(ODDS)
    peak: float = 0.0

    def step(self, good: int, bad: int, most: float, log_cap: float) -> "Past":
        """Return the comparison after a blip; 0 < `most` < 1 is p0.

        >>> past = Past(since=0)
        >>> for blip in range(5):
        ...     past = past.step(50, 50, most=0.1, log_cap=math.log(3))
        >>> past.blips, past.bad, round(math.exp(past.peak))
        (5, 250, 138)
        """
        k = self.blips + 1
        start = -math.log(k * (k + 1))
        gains = [min(_gain(good, bad, most, odds), log_cap) for odds in ODDS]
        log_m = tuple(log_add(each, start) + gain for each, gain in zip(self.log_m, gains, strict=True))
        log_e = log_add(_log_mean(log_m), -math.log(k + 1))
        return Past(
            since=self.since,
            good=self.good + good,
            bad=self.bad + bad,
            blips=k,
            log_m=log_m,
            peak=max(self.peak, log_e),
        )


def most_allowed(hours: Sequence[Counted], week_ago: Sequence[Counted], times: float, points: float) -> float | None:
    """Return p0: `times` the odds and `points` above the baseline's worst; None where too little is known.

    The worst is the upper bound of its last `hours` together, or the ratio of one of them, or of one at the same time
    `week_ago`.

    >>> round(most_allowed([(980, 20), (970, 30)], [], 3.0, 0.05), 3)
    0.096
    """
    good, bad = sum(each[0] for each in hours), sum(each[1] for each in hours)
    if good + bad < EVENTS_MIN:
        return None
    together = float(upper_bound(np.array([bad]), np.array([good + bad]), ALPHA)[0])
    worst = min(max(together, *_alone(hours, week_ago), 0.0), 1 - 1e-9)
    odds = times * worst / (1 - worst)
    most = max(odds / (1 + odds), worst + points)
    return most if most <= P_MAX else None


def why_none(hours: Sequence[Counted], week_ago: Sequence[Counted]) -> str:
    """Say why `most_allowed` returns None.

    >>> why_none([(5, 0)], [])
    'it had 5 such events'
    >>> why_none([(10, 990)], [])
    'it was 99 % bad at its worst, beyond which nothing is surely worse'
    """
    total = sum(sum(each) for each in hours)
    if total < EVENTS_MIN:
        return f"it had {total} such event{'s' * (total != 1)}"
    together = sum(each[1] for each in hours) / total
    worst = max(together, *_alone(hours, week_ago), 0.0)
    return f"it was {100 * worst:.3g} % bad at its worst, beyond which nothing is surely worse"


def _alone(hours: Sequence[Counted], week_ago: Sequence[Counted]) -> list[float]:
    """Return the ratios of the hours with enough events to count by themselves."""
    return [each[1] / sum(each) for each in (*hours, *week_ago) if sum(each) >= HOUR_MIN]


def _gain(good: int, bad: int, most: float, odds: float) -> float:
    p = odds * most / (1 - most + odds * most)
    return bad * math.log(p / most) + good * math.log((1 - p) / (1 - most))


def _log_mean(logs: Sequence[float]) -> float:
    high = max(logs)
    return high + math.log(sum(math.exp(each - high) for each in logs) / len(logs))
