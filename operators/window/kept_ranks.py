"""Ranks of the order statistics that bound quantiles: worked out once for each number of values, then looked up."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from operators.arrays import Ints

KEPT_MAX = 1 << 14  # For more values than this, ranks are worked out each time.
UNKNOWN = -2
Ranks = Callable[[Ints, float, float], Ints]


def kept_ranks(ranks: Ranks, n: Ints, p: float, alpha: float) -> Ints:
    """Return `ranks(n, p, alpha)`, (K,), where each rank depends on its own `n` >= 0 alone.

    >>> kept_ranks(lambda n, p, alpha: n // 2, np.array([7, 0, 7, 1 << 20]), 0.95, 0.01).tolist()
    [3, 0, 3, 524288]
    """
    kept = _table(ranks, p, alpha)
    found = kept[np.minimum(n, KEPT_MAX)]
    if (unknown := np.flatnonzero(found == UNKNOWN)).size:
        found[unknown] = new = ranks(n[unknown], p, alpha)
        few = n[unknown] < KEPT_MAX
        kept[n[unknown][few]] = new[few]
    return found


@lru_cache(maxsize=64)
def _table(ranks: Ranks, p: float, alpha: float) -> Ints:
    return np.full(KEPT_MAX + 1, UNKNOWN)
