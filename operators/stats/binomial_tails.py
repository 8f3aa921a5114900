"""Tails of the binomial distribution: whether a ratio is proven to lie on one side of a limit.

The one-sided exact bounds of Clopper and Pearson (Biometrika 26 (1934) 404-413) invert these tails, so that comparing a
tail with 1 - confidence and comparing the bound with the limit say the same; the tail needs no search for a root.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from operators.arrays import Floats, Ints

Flags = NDArray[np.bool_]
# One failure is no proof, not even where it is the first event of a series and its target is 99.9 %.
FAILURES_MIN = 2
FEW = 16  # Up to this many numbers are looked at faster one by one than at once.
NEVER_ENOUGH = 2**62  # A number of events that no window reaches.


def surely_below(hits: Ints, n: Ints, limit: Floats | float, confidence: Floats | float) -> Flags:
    """Return where the upper bound of the ratio hits / n is below `limit`: P(X <= hits | limit) < 1 - confidence."""
    if not n.size:  # The usual case: few are left to look at closely.
        return np.zeros(n.shape, bool)
    tail = betainc(np.maximum(n - hits, 1), hits + 1, 1.0 - limit)
    return np.asarray((hits < n) & (tail < 1.0 - confidence))


def surely_above(hits: Ints, n: Ints, limit: Floats | float, confidence: Floats | float) -> Flags:
    """Return where the lower bound of the ratio hits / n is above `limit`: P(X >= hits | limit) < 1 - confidence."""
    return surely_below(n - hits, n, 1.0 - limit, confidence)


def surely_bad(good: Ints, n: Ints, target: Floats | float, confidence: Floats | float) -> Flags:
    """Return where the ratio of good is surely below `target`, and not because of a single failure."""
    several = n - good >= FAILURES_MIN
    if not several.any():  # The usual case where few events come in.
        return np.zeros(np.broadcast(n, target).shape, bool)
    return np.asarray(surely_below(good, n, target, confidence) & several)


def enough(limit: float, confidence: float) -> int:
    """Return the smallest n, at least 2, of which n hits are surely above `limit`: limit ** n < 1 - confidence.

    No ratio can be above a limit of 1: `NEVER_ENOUGH`. A very small target leads to such a limit.

    >>> enough(0.05, 0.99), enough(0.95, 0.99), enough(0.001, 0.99), enough(1.0 - 1e-17, 0.99) == NEVER_ENOUGH
    (2, 90, 2, True)
    """
    if limit >= 1.0:
        return NEVER_ENOUGH
    return max(FAILURES_MIN, math.floor(math.log(1.0 - confidence) / math.log(limit)) + 1)


def enough_each(limits: Floats, confidence: float) -> Ints:
    """Return `enough` for each limit, (K,); usually only few of them differ."""
    distinct, place = np.unique(limits, return_inverse=True)
    return np.array([enough(limit, confidence) for limit in distinct.tolist()], np.int64)[place]


def good_most(n: Ints, target: Floats | float, confidence: float) -> Ints:
    """Return the largest number of good among n (K,) that is surely bad, -1 where not even 0 is.

    >>> good_most(np.array([1, 2, 15, 1_000]), 0.95, 0.99).tolist()
    [-1, 0, 11, 932]
    """
    if len(n) <= FEW:
        targets = np.broadcast_to(target, n.shape).tolist()
        each = zip(n.tolist(), targets, strict=True)
        return np.array([_good_most(count, limit, confidence) for count, limit in each], np.int64)
    low, high = np.full_like(n, -1), n.copy()  # `low` is surely bad, or -1; `high` is not, as n of n never are.
    while (open_ := high - low > 1).any():
        middle = np.maximum((low + high) // 2, 0)
        bad = surely_bad(middle, n, target, confidence)
        low, high = np.where(open_ & bad, middle, low), np.where(open_ & ~bad, middle, high)
    return low


@lru_cache(maxsize=1 << 16)
def _good_most(n: int, target: float, confidence: float) -> int:
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        bad = n - middle >= FAILURES_MIN and betainc(n - middle, middle + 1, 1.0 - target) < 1.0 - confidence
        low, high = (middle, high) if bad else (low, middle)
    return low
