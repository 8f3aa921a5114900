"""What panes bring of measures, gathered by release and finest slice until it is compared."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np

from operators.arrays import order_by, runs_of
from operators.rules.arm_values import by_arm, exceeding_counts
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.spreads import Spreads
from operators.rules.thinning import thinned_each
from operators.rules.value_history import MINUTE_MS
from operators.window.partial import BAD

Shares = Mapping[Comparison, Sequence[float]]  # Of the events of candidate and baseline, those that are compared.


def add_values(
    canary: CanaryState,
    pane: int,
    spreads: Spreads,
    releases: Sequence[Comparison],
    compared: Collection[Comparison],
    shares: Shares,
) -> None:
    """Add how many values exceed the limits to the running blip; of releases not `compared` they set limits."""
    if not (canary.limits and len(spreads.row)):
        return
    exceeding = [canary.exceeding_of(release) for release in releases]
    values = by_arm(spreads, releases, {limit.measure for limit in canary.limits})
    canary.gathered.add(exceeding, pane * canary.pane_ms // MINUTE_MS, values)
    counts = exceeding_counts(values, canary.limits, exceeding)
    counted = np.array([release in compared for release in releases], bool)
    some = np.flatnonzero(counts.any(axis=(1, 2)) & counted[values.arm // 2])
    some = some[order_by(values.arm[some])]
    share = np.array([shares.get(release, (1.0, 1.0)) for release in releases]).ravel()
    names = spreads.named(values.row[some])
    served = thinned_each(counts[some], share[values.arm[some]], pane, [name.text for name in names])
    of_all = np.stack((served.sum(axis=2), served[:, :, BAD]), axis=2)
    number, arm = np.divmod(values.arm[some], 2)
    starts = np.flatnonzero(runs_of(number))
    for start, end in pairwise([*starts.tolist(), len(some)]):
        strata = canary.open_strata(releases[number[start]], pane)
        strata.add_last(names[start:end], arm[start:end], of_all[start:end])
