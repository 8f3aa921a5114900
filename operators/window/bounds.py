"""Bounds of what rules on measures judge: quantiles by order statistics, means by their standard deviation.

The bounds of a quantile hold for values of any distribution: with n values of which each is at most the p-quantile with
chance p, P(X_(k) > quantile) = P(Bin(n, p) < k), so that the largest k with at most 1 - confidence bounds it from below
(H. A. David, H. N. Nagaraja, "Order Statistics", 3rd ed., 2003, section 7.1). The bounds of a mean hold for large n:
Student's, with the deviation taken from the histogram, which is within 1 %. A bucket is 2 % wide, so each bound is
widened by 1 %. Cost per success, or per unit of a KPI, is one quantity over another, each with half of the chance of
error: the mean over the exact binomial bound of the share of successes, or over Student's of the KPI's mean.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betainc, stdtrit

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES, StatisticRule
from operators.policy.windows import Window
from operators.stats.binomial import lower_bound, upper_bound
from operators.stats.histogram import ACCURACY
from operators.window.kept_ranks import kept_ranks
from operators.window.paged import PagedHistograms
from operators.window.partial import BAD, GOOD, HI, LO, N
from operators.window.sums import LIMB_BITS


def bounded_rules(policy: Policy, window: Window) -> list[StatisticRule]:
    """Return the rules that judge a measure over a window of this length."""
    return [rule for rule in policy.rules if isinstance(rule, StatisticRule) and rule.window_ms == window.size_ms]


class WindowSums(NamedTuple):
    """What a window holds of some slots: `histograms` of the measures, `sums` (W, M, 3), `slis` (W, S, 3), `events`."""

    histograms: PagedHistograms
    slots: Ints
    sums: Ints
    slis: Ints
    events: Ints


def bounds_of(rule: StatisticRule, policy: Policy, held: WindowSums) -> Floats:
    """Return the lower and the upper bound of what a rule judges, (W, 2), infinite where there is none."""
    index = measure_index(policy, rule.measure)
    n, alpha = held.sums[:, index, N], 1.0 - rule.confidence
    if rule.statistic in QUANTILES:
        return _of_quantile(held.histograms, held.slots, index, n, QUANTILES[rule.statistic], alpha)
    if rule.statistic == "per_success":
        return quotient(_of_sum(held, policy, index, held.events, alpha / 2), _of_good(held, policy, rule, alpha / 2))
    if rule.statistic == "per_kpi":
        kpi = measure_index(policy, rule.kpi)
        below = _of_sum(held, policy, kpi, held.sums[:, kpi, N], alpha / 2)
        return quotient(_of_sum(held, policy, index, held.events, alpha / 2), below)
    # Per thousand requests, where one without a value costs nothing.
    of, unit = (held.events, 1_000.0) if rule.statistic == "per_1k" else (n, 1.0)
    return unit * _of_sum(held, policy, index, of, alpha) / np.maximum(of, 1)[:, None]


def measure_index(policy: Policy, name: str) -> int:
    """Return the number of a measure."""
    return [measure.name for measure in policy.measures].index(name)


def total_of(sums: Ints, digits: int) -> Floats:
    """Return the total of a measure with `digits` after the point, from its sums (W, 3)."""
    return np.asarray((sums[:, HI] * 2.0**LIMB_BITS + sums[:, LO]) * 10.0**-digits, np.float64)


def _of_sum(held: WindowSums, policy: Policy, index: int, of: Ints, alpha: float) -> Floats:
    """Return the bounds of a measure's total over `of` items: those of its mean, times their number."""
    mean = _of_mean(
        held.histograms.squares(held.slots, index),
        total_of(held.sums[:, index], policy.measures[index].digits),
        of,
        alpha,
    )
    return mean * np.maximum(of, 1)[:, None]


def _of_good(held: WindowSums, policy: Policy, rule: StatisticRule, alpha: float) -> Floats:
    """Return the bounds of the number of good events."""
    sli = [each.name for each in policy.slis].index(rule.success)
    good = held.slis[:, sli, GOOD]
    n = good + held.slis[:, sli, BAD]
    return np.column_stack((lower_bound(good, n, alpha), upper_bound(good, n, alpha))) * n[:, None]


def over(above: Floats, below: Floats | Ints) -> Floats:
    """Return one quantity over another, (W,): infinite where only the second is 0, 0 where both are.

    >>> over(np.array([6.0, 6.0, 0.0]), np.array([3, 0, 0]))
    array([ 2., inf,  0.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(above / below, nan=0.0, posinf=np.inf))


def quotient(above: Floats, below: Floats) -> Floats:
    """Return bounds (W, 2) of one quantity over another from the bounds of both; neither quantity is negative.

    Where the second may be 0 there is no upper bound; where it surely is 0, both bounds are infinite.

    >>> quotient(np.array([[8.0, 12.0], [8.0, 12.0]]), np.array([[2.0, 4.0], [-1.0, 0.0]]))
    array([[ 2.,  6.],
           [inf, inf]])
    """
    low, high = np.maximum(above, 0.0).T
    least, most_ = np.maximum(below, 0.0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.column_stack((low / most_, high / least))
    found[np.isnan(found[:, 0]), 0] = -np.inf  # 0 / 0.
    found[np.isnan(found[:, 1]), 1] = np.inf
    return found


def _of_quantile(histograms: PagedHistograms, slots: Ints, measure: int, n: Ints, p: float, alpha: float) -> Floats:
    few, many = (kept_ranks(most, n, each, alpha) for each in (p, 1.0 - p))
    ranks = np.column_stack((few, n - 1 - many))  # Of the lower and of the upper bounds.
    known = (ranks >= 0) & (ranks < n[:, None])
    bounds = np.tile([-np.inf, np.inf], (len(n), 1))
    rows = np.flatnonzero(known.any(axis=1))
    found = histograms.ranked(slots[rows], measure, np.clip(ranks[rows], 0, n[rows, None] - 1))
    bounds[known] = found[known[rows]]
    return _wider(bounds)


def most(n: Ints, p: Floats | float, alpha: float) -> Ints:
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
    """Return bounds of total / of; infinite where `of` is below two."""
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


def all_bounds(rules: Sequence[StatisticRule], policy: Policy, held: WindowSums) -> dict[str, Floats]:
    """Return the bounds of each rule, by its name."""
    return {rule.name: bounds_of(rule, policy, held) for rule in rules}
