"""Which slices of the releases of a canary rule are worse; the slices of a release and SLI are judged together."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from operators.arrays import Floats
from operators.rules.canary_state import CanaryState
from operators.stats.multiple_testing import e_bh
from operators.stats.slice_weights import SliceWeights

SLACK = 1e-6  # Nats: E-values this close to the bound are still tested.


def worse_slices(canary: CanaryState, alphas: Floats) -> Iterator[int]:
    """Yield the processes of slices that are worse, by release and SLI; `alphas` (K,) are those of all processes."""
    processes, placed = canary.processes, canary.placed
    log_e = canary.kept.log_e(np.arange(len(canary.of)))
    most, deepest = np.full(len(placed.columns), -np.inf), np.zeros(len(placed.columns))
    np.maximum.at(most, placed.column[~placed.whole], log_e[~placed.whole])
    np.maximum.at(deepest, placed.column[~placed.whole], processes.blocks[~placed.whole])
    highest, blocks = most.tolist(), deepest.tolist()
    for column, indices in placed.slices.items():
        alpha = float(alphas[indices[0]])
        weights = _weights(canary, column)
        if blocks[column] * processes.log_cap >= -math.log(alpha):  # Before that, the cap leaves nothing to be found.
            weights.take([canary.of[index].slice for index in indices])
        # Weights add up to 1 at most, so nothing is rejected unless one E is so large.
        if weights.of and highest[column] >= -math.log(len(indices) * alpha) - SLACK:
            yield from _worse(canary, indices, weights, alpha, log_e)


def _weights(canary: CanaryState, column: int) -> SliceWeights:
    key = canary.placed.columns[column]
    known = canary.weights.get(key)
    if known is None:
        known = canary.weights[key] = SliceWeights()
    return known


def _worse(
    canary: CanaryState, indices: Sequence[int], weights: SliceWeights, alpha: float, log_e: Floats
) -> list[int]:
    """Return which of the slices of a release and SLI are worse, judged together."""
    process = canary.of[indices[0]]
    weighed = [index for index in indices if canary.of[index].slice in weights.of]
    each = np.array([weights.of[canary.of[index].slice] for index in weighed])
    found = log_e[weighed]
    if canary.labelled.dated(process.release, process.sli):
        found = np.minimum(found, [canary.shares.log_e(canary.of[index]) for index in weighed])
    worse = e_bh(found, alpha, each).tolist()
    return [index for index, is_worse in zip(weighed, worse, strict=True) if is_worse]
