"""When the tiers of a burn-rate rule fire, and when they stop.

The limit of a tier is factor * (1 - target), a ratio of bad events. A tier

- fires when the ratio of both windows is at least that, and the exact one-sided lower bound of the ratio in the long
  window is above it too, with two failures at least, so that one among few requests is no alarm;
- stops when the upper bound of the ratio in the short window is below the limit, or when the plain ratio of the long
  window, with enough events to fire on, is below it: that is how a tier stops at low traffic, where no short window
  proves anything. A long window with fewer events stops nothing.

Versions named in `targets` have limits by a target of their own. For an SLI that is estimated, the bounds of the
estimate must agree before a tier fires or the first OK is written (`estimate_bounds.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints, any_of_row
from operators.policy.tiers import Tier
from operators.rules.burn_rate_keys import BurnRate
from operators.rules.burn_windows import TierSums
from operators.rules.estimate_bounds import EstimateBounds
from operators.rules.series_state import OK
from operators.rules.targets import (
    has_targets,
)
from operators.stats.binomial_tails import Flags, enough, enough_each, surely_bad, surely_below

Kept = NDArray[Any]  # Rows of `SeriesState`.


class BurnTiers:
    """What the tiers of a rule make of the sums of their windows.

    `limits` are those of the rule's own target; `bounds` those of an estimate, by length of window.
    """

    def __init__(
        self, rule: BurnRate, tiers: Sequence[Tier], limits: Sequence[float], bounds: Mapping[int, EstimateBounds]
    ) -> None:
        self._rule, self._tiers, self._bounds = rule, tiers, bounds
        self._factors = np.array([tier.factor for tier in tiers])
        # Of the rule's target: the limits of tiers, and how many events a window needs to be surely above them.
        needed = [enough(limit, rule.confidence) for limit in limits]
        self._usual = np.array(limits), np.array(needed)

    def start_and_stop(self, kept: Kept, slots: Ints, sums: TierSums) -> None:
        """Start and stop tiers of slots, in what is kept of them, by the sums of their windows."""
        fires, failed = kept["fires"], sums.bad_short > 0
        if not failed.any() and not fires.any():
            return
        limit, confidence = self.limits_of(kept), self._rule.confidence
        # Ratios first: they leave few series to look at closely.
        high = (sums.bad > 0) & (sums.bad >= limit * sums.n) & failed & (sums.bad_short >= limit * sums.n_short)
        starts = (high & ~fires).nonzero()
        n, bad = sums.n[starts], sums.bad[starts]
        sure = surely_bad(n - bad, n, 1.0 - _at(limit, starts), confidence)
        if self._bounds:
            sure &= self._bounds_of(slots, starts, confidence)[1] < 1.0 - _at(limit, starts)
        firing = fires.nonzero()
        if len(firing[0]):
            n, bad, limits = sums.n[firing], sums.bad[firing], _at(limit, firing)
            low = surely_below(sums.bad_short[firing], sums.n_short[firing], limits, confidence)
            over = (n >= _at(self.enough_of(kept), firing)) & (bad < limits * n)
            fires[firing] = ~(low | over | (limits >= 1.0))
        fires[tuple(each[sure] for each in starts)] = True

    def ok(self, kept: Kept, slots: Ints, fires: Flags, sums: TierSums) -> Flags:
        """Return which of some series, none of whose tiers fires, stay or become OK."""
        limit, confidence = self.limits_of(kept), self._rule.confidence
        # A target too low for the tier gives a limit of 1 or more, which no ratio can be above: whatever comes is well.
        allowed = (sums.n > 0) & (limit >= 1.0)
        ok = ~fires & kept["member"] & ~any_of_row((sums.n < self.enough_of(kept)) & ~allowed)
        if not ok.any():
            return np.asarray(ok)
        was = kept["word"][:, None] == OK
        unsure = (ok[:, None] & ~allowed & ~(was & (sums.bad < limit * sums.n))).nonzero()
        limits = _at(limit, unsure)
        sure = surely_below(sums.bad_short[unsure], sums.n_short[unsure], limits, confidence)
        sure |= surely_below(sums.bad[unsure], sums.n[unsure], limits, confidence)
        if self._bounds:
            sure &= self._bounds_of(slots, unsure, confidence)[0] > 1.0 - limits
        ok[unsure[0][~sure]] = False
        return np.asarray(ok)

    def limits_of(self, kept: Kept) -> Floats:
        """Return the ratio of bad events that each tier allows, (T,), or (K, T) by row where versions have targets."""
        if not has_targets(self._rule):
            return self._usual[0]
        return self._factors * (1.0 - kept["target"][:, None])

    def enough_of(self, kept: Kept) -> Ints:
        """Return, like `limits_of`, how many events a window needs to be surely above the limit of a tier."""
        if not has_targets(self._rule):
            return self._usual[1]
        limits = self.limits_of(kept)
        return enough_each(limits.ravel(), self._rule.confidence).reshape(limits.shape)

    def _bounds_of(self, slots: Ints, which: tuple[Ints, ...], confidence: float) -> tuple[Floats, Floats]:
        """Return a lower and an upper bound of the good ratio where it is estimated, of some rows and tiers, (P,)."""
        rows, tiers = which
        lower, upper = np.zeros(len(rows)), np.ones(len(rows))
        for index, tier in enumerate(self._tiers):
            of_tier = tiers == index
            lower[of_tier], upper[of_tier] = self._bounds[tier.long_ms].of(slots[rows[of_tier]], confidence)
        return lower, upper


def _at(limits: NDArray[Any], which: tuple[Ints, ...]) -> Any:
    """Return what `limits_of` or `enough_of` says of some rows and tiers, (P,)."""
    return limits[which] if limits.ndim == 2 else limits[which[1]]
