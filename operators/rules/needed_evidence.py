"""The ln E at which a process of a canary rule decides alone; where several slices are worse, less is enough."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_alphas import alpha_of
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.stats.slice_weights import FIRST, SliceWeights

_NONE = SliceWeights()


def needed_of(canary: CanaryState, which: Ints, alphas: Floats) -> list[float]:
    """Return that ln E for processes by their numbers, (W,), with these `alphas`."""
    placed = canary.placed
    weights = [canary.weights.get(column, _NONE).of for column in placed.columns]
    of_each = np.where(placed.whole[which], 1.0, np.array([_of_new(each) for each in weights])[placed.column[which]])
    weighed = ~placed.whole[which] & np.array([bool(each) for each in weights], bool)[placed.column[which]]
    for at in np.flatnonzero(weighed).tolist():
        of = weights[placed.column[which[at]]]
        of_each[at] = of.get(canary.of[which[at]].slice, of_each[at])
    distinct, place = np.unique(of_each * alphas, return_inverse=True)
    needed = [-math.log(alpha) for alpha in distinct.tolist()]
    return [needed[each] for each in place.tolist()]


def needed_each(canary: CanaryState, processes: Iterable[Process]) -> Iterator[float]:
    """Yield that ln E for each of some processes, which need not exist yet."""
    known: dict[tuple[Comparison, int, bool, float], float] = {}
    for process in processes:
        column = process.release, process.sli
        of = canary.weights.get(column, _NONE).of
        is_whole = process.slice == "*"
        key = *column, is_whole, 1.0 if is_whole else of.get(process.slice, _of_new(of))
        if key not in known:
            known[key] = -math.log(key[-1] * alpha_of(canary, process))
        yield known[key]


def _of_new(weights: dict[str, float]) -> float:
    """Return the weight of a slice that has none yet."""
    return FIRST / max(len(weights), 1)
