"""Sums of whole numbers, by key and without overflow."""

import numpy as np

from operators.arrays import Ints, order_by, runs_of

# A sum is kept as two integers, hi * 2 ** LIMB_BITS + lo with lo < 2 ** LIMB_BITS for each value added: below
# 2 ** 32 values neither can overflow, whatever the values are.
LIMB_BITS = 31
# Keys this dense are counted in an array with a place for each possible key: faster than sorting.
DENSE, DENSE_MIN = 8, 1_024


def split_limbs(values: Ints) -> tuple[Ints, Ints]:
    """Return (hi, lo) with values == hi * 2 ** LIMB_BITS + lo and 0 <= lo < 2 ** LIMB_BITS."""
    return values >> LIMB_BITS, values & ((1 << LIMB_BITS) - 1)


def number_keys(keys: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys (>= 0) in order, and the number of each key among them, (n,)."""
    low = int(keys.min()) if len(keys) else 0
    if len(keys) and int(keys.max()) - low < DENSE * len(keys) + DENSE_MIN:
        present = np.zeros(int(keys.max()) - low + 1, bool)
        present[keys - low] = True
        return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[keys - low]
    distinct, _ = sum_by_key(keys)
    return distinct, np.searchsorted(distinct, keys)


def sum_by_key(keys: Ints, counts: Ints | None = None) -> tuple[Ints, Ints]:
    """Return the distinct keys (>= 0) in order, and the sum of `counts` (> 0, default 1) over each."""
    low = int(keys.min()) if len(keys) else 0
    if len(keys) and int(keys.max()) - low < DENSE * len(keys) + DENSE_MIN:
        # With weights these are float sums of whole numbers, exact below 2 ** 53.
        sums = np.bincount(keys - low, weights=counts)
        present = np.flatnonzero(sums)
        return present + low, sums[present].astype(np.int64)
    order = order_by(keys)
    ordered = keys[order]
    starts = np.flatnonzero(runs_of(ordered))
    if counts is None:
        return ordered[starts], np.diff(starts, append=len(ordered))
    return ordered[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts
