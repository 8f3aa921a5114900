"""Tails of the binomial distribution: whether a ratio is proven to lie on one side of a limit.

The one-sided exact bounds of Clopper and Pearson (Biometrika 26 (1934) 404-413) invert these tails, so that comparing a
tail with 1 - confidence and comparing the bound with the limit say the same; the tail needs no search for a root.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from operators.window.partial import Ints

Flags = NDArray[np.bool_]


def surely_below(hits: Ints, n: Ints, limit: float, confidence: float) -> Flags:
    """Return where the upper bound of the ratio hits / n is below `limit`: P(X <= hits | limit) < 1 - confidence."""
    tail = betainc(np.maximum(n - hits, 1), hits + 1, 1.0 - limit)
    return np.asarray((hits < n) & (tail < 1.0 - confidence))


def surely_above(hits: Ints, n: Ints, limit: float, confidence: float) -> Flags:
    """Return where the lower bound of the ratio hits / n is above `limit`: P(X >= hits | limit) < 1 - confidence."""
    return surely_below(n - hits, n, 1.0 - limit, confidence)


def enough(limit: float, confidence: float) -> int:
    """Return the smallest n with limit ** n < 1 - confidence: from there on, n hits of n are surely above `limit`.

    >>> enough(0.05, 0.99), enough(0.95, 0.99)
    (2, 90)
    """
    return math.floor(math.log(1.0 - confidence) / math.log(limit)) + 1


def hits_below(n: Ints, limit: float, confidence: float) -> Ints:
    """Return the most hits of n (K,) that are surely below `limit`, -1 where not even none are.

    >>> hits_below(np.array([1, 2, 15, 1_000]), 0.95, 0.99).tolist()
    [-1, 0, 11, 932]
    """
    low, high = np.full_like(n, -1), n.copy()  # `low` is below, or -1; `high` is not: no hits of n are below with n.
    while (high - low > 1).any():
        middle = np.maximum((low + high) // 2, 0)
        below = surely_below(middle, n, limit, confidence)
        open_ = high - low > 1
        low, high = np.where(open_ & below, middle, low), np.where(open_ & ~below, middle, high)
    return low
