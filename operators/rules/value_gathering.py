"""The values of measures in panes, gathered by release and finest slice until they are compared."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np

from operators.arrays import Floats, Ints, order_by, runs_of
from operators.rules.arm_values import ComparedLeaves, by_arm, edges_of, exceeding_counts
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.served_places import PairPlaces
from operators.rules.spreads import Spreads
from operators.rules.thinning import thinned_each
from operators.spans import MINUTE_MS
from operators.window.partial import BAD

Shares = Mapping[Comparison, Sequence[float]]  # The share of the events of candidate and baseline that is compared.


def add_values(
    canary: CanaryState,
    pane: int,
    spreads: Spreads,
    releases: Sequence[Comparison],
    compared: Collection[Comparison],
    shares: Shares,
) -> None:
    """Add to the running blip how many values exceed the limits; releases not `compared` only learn their limits."""
    if not (canary.limits and len(spreads.row)):
        return
    exceeding = [canary.exceeding_of(release) for release in releases]
    if canary.leaves is None or canary.leaves.releases != releases:
        canary.leaves = ComparedLeaves(list(releases))
    values = by_arm(spreads, canary.leaves, {limit.measure for limit in canary.limits})
    canary.gathered.add(exceeding, pane * canary.pane_ms // MINUTE_MS, values)
    counts = exceeding_counts(values, canary.limits, edges_of(canary.limits, exceeding))
    counted = np.array([release in compared for release in releases], bool)
    some = np.flatnonzero(counts.any(axis=(1, 2)) & counted[values.arm // 2])
    served = _thinned(counts[some], _shares_of(shares, releases)[values.arm[some]], pane, spreads, values.row[some])
    of_all = np.stack((served.sum(axis=2), served[:, :, BAD]), axis=2)
    _add(canary, pane, canary.leaves, values.pair[some], of_all)


def _shares_of(shares: Shares, releases: Sequence[Comparison]) -> Floats:
    """Return the shares of candidates and baselines, (2 releases,)."""
    each = np.ones((len(releases), 2))
    for number, release in enumerate(releases) if shares else ():
        each[number] = shares.get(release, 1.0)
    return each.ravel()


def _thinned(counts: Ints, share: Floats, pane: int, spreads: Spreads, rows: Ints) -> Ints:
    """Return a share of each of some counts, (E, ...), which belong to rows of the spreads."""
    if not (share < 1.0).any():
        return counts
    return thinned_each(counts, share, pane, [name.text for name in spreads.named(rows)])


def _add(canary: CanaryState, pane: int, leaves: ComparedLeaves, pair: Ints, of_all: Ints) -> None:
    """Add all and bad of the last columns, (E, columns, 2), for pairs of a finest slice and what compares it."""
    arm, columns = leaves.arms[pair], slice(-of_all.shape[1], None)
    stratum = _strata(canary, leaves)[pair]
    if not len(stratum):
        return
    if (stratum < 0).any():
        _add_each(canary, pane, leaves, pair, of_all)
        return
    pooled = canary.pooled_strata()
    served = np.zeros(len(pooled.releases), bool)
    served[pooled.release[stratum]] = True
    pooled.open(served, canary.begun(pane), canary.blip_panes, canary.blipped)
    pooled.pending[stratum, columns, 2 * (arm % 2)] += of_all[:, :, 0]
    pooled.pending[stratum, columns, 2 * (arm % 2) + 1] += of_all[:, :, 1]


def _strata(canary: CanaryState, leaves: ComparedLeaves) -> Ints:
    """Return the stratum of each pair, -1 for a pair without one yet."""
    if not canary.strata:
        return np.full(len(leaves.arms), -1)
    pooled, places = canary.pooled_strata(), canary.pair_places
    if places is None or not places.fits(pooled, leaves):
        places = canary.pair_places = PairPlaces(pooled, leaves)
    places.follow()
    return places.stratum


def _add_each(canary: CanaryState, pane: int, leaves: ComparedLeaves, pair: Ints, of_all: Ints) -> None:
    """Add values release by release, where some pairs have no stratum yet."""
    order = order_by(leaves.arms[pair])
    pair, of_all = pair[order], of_all[order]
    number, arm = np.divmod(leaves.arms[pair], 2)
    starts = np.flatnonzero(runs_of(number))
    for start, end in pairwise([*starts.tolist(), len(pair)]):
        names = [leaves.names[leaf] for leaf in leaves.leaf[pair[start:end]].tolist()]
        strata = canary.open_strata(leaves.releases[number[start]], pane)
        strata.add_last(names, arm[start:end], of_all[start:end])
