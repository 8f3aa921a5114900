"""Bounds of what rules on measures judge: of quantiles by order statistics, of means by their deviation.

The bounds of a quantile hold for values of any distribution: with n values of which each is at most the p-quantile with
chance p, P(X_(k) > quantile) = P(Bin(n, p) < k), so that the largest k with at most 1 - confidence bounds it from below
(H. A. David, H. N. Nagaraja, "Order Statistics", 3rd ed., 2003, section 7.1). Those of a mean are n large: Student's
with the deviation that the histogram has, which is within 1 %. A bucket is wide by 2 %: bounds are wider by 1 % each.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import betainc, stdtrit

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy, Window
from operators.policy.rules import QUANTILES, StatisticRule
from operators.stats.histogram import ACCURACY
from operators.window.paged import PagedHistograms
from operators.window.partial import HI, LIMB_BITS, LO, N


def bounded_rules(policy: Policy, window: Window) -> list[StatisticRule]:
    """Return the rules that judge a measure over a window of this length."""
    return [rule for rule in policy.rules if isinstance(rule, StatisticRule) and rule.window_ms == window.size_ms]


def bounds_of(
    rule: StatisticRule, policy: Policy, histograms: PagedHistograms, slots: Ints, sums: Ints, events: Ints
) -> Floats:
    """Return the lower and the upper bound of what a rule judges, (W, 2), infinite where there is none.

    `sums` (W, M, 3) and `events` (W,) are those of the slots.
    """
    index = [measure.name for measure in policy.measures].index(rule.measure)
    n, alpha = sums[:, index, N], 1.0 - rule.confidence
    if rule.statistic in QUANTILES:
        return _of_quantile(histograms, slots, index, n, QUANTILES[rule.statistic], alpha)
    total = np.asarray(
        (sums[:, index, HI] * 2.0**LIMB_BITS + sums[:, index, LO]) * 10.0 ** -policy.measures[index].digits, np.float64
    )
    # Of a thousand requests: one without a value costs nothing.
    of, unit = (events, 1_000.0) if rule.statistic == "per_1k" else (n, 1.0)
    return unit * _of_mean(histograms.squares(slots, index), total, of, alpha)


def _of_quantile(histograms: PagedHistograms, slots: Ints, measure: int, n: Ints, p: float, alpha: float) -> Floats:
    low, high = most(n, p, alpha), n - 1 - most(n, 1.0 - p, alpha)
    bounds = np.column_stack((np.full(len(n), -np.inf), np.full(len(n), np.inf)))
    for side, ranks in enumerate((low, high)):
        known = np.flatnonzero((ranks >= 0) & (ranks < n))
        bounds[known, side] = histograms.ranked(slots[known], measure, ranks[known])
    return _wider(bounds)


def most(n: Ints, p: float, alpha: float) -> Ints:
    """Return the largest h (K,), -1 where there is none, with P(Bin(n, p) <= h) < `alpha`.

    >>> most(np.array([10, 100, 120, 1_000]), 0.95, 0.01).tolist()
    [6, 88, 107, 932]
    """
    low, high = np.full_like(n, -1), n.copy()
    while (apart := high - low > 1).any():
        middle = np.clip((low + high) // 2, 0, np.maximum(n - 1, 0))
        few = betainc(np.maximum(n - middle, 1), middle + 1, 1.0 - p) < alpha
        low, high = np.where(apart & few, middle, low), np.where(apart & ~few, middle, high)
    return low


def _of_mean(squares: Floats, total: Floats, of: Ints, alpha: float) -> Floats:
    """Return bounds of total / of; none where there are fewer than two."""
    count = np.maximum(of, 2)
    mean = total / count
    variance = np.maximum(squares - count * mean**2, 0.0) / (count - 1)
    room = stdtrit(count - 1, 1.0 - alpha) * np.sqrt(variance / count)
    bounds = np.column_stack((mean - room, mean + room))
    bounds[of < 2] = -np.inf, np.inf
    return bounds


def _wider(bounds: Floats) -> Floats:
    room = ACCURACY * np.abs(np.where(np.isfinite(bounds), bounds, 0.0))
    return np.column_stack((bounds[:, 0] - room[:, 0], bounds[:, 1] + room[:, 1]))


def all_bounds(
    rules: Sequence[StatisticRule], policy: Policy, histograms: PagedHistograms, slots: Ints, sums: Ints, events: Ints
) -> dict[str, Floats]:
    """Return the bounds of each rule, by its name."""
    return {rule.name: bounds_of(rule, policy, histograms, slots, sums, events) for rule in rules}
