"""Many hypotheses at once: which of them may be called false, when each alone may be wrong now and then."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats

Bools = NDArray[np.bool_]


def e_bh(log_e: Floats, alpha: float) -> Bools:
    """Return which of K nulls are rejected, (K,), from their E-values as logarithms, (K,).

    With E_(1) >= E_(2) >= ..., it is the first k, for the largest k with E_(k) >= K / (k alpha). The share of wrong
    ones among them is <= `alpha` in expectation, however the K depend on each other: slices that overlap may be
    judged together. Give it the E-values as they are at the moment of judging, not their peaks: a peak over time is no
    E-value. While none of the same K is false, the chance that it ever rejects one at all is <= `alpha` too, because
    a rejection needs a mean E-value >= 1 / alpha, and the mean is an e-process (Ville).

    Source: R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS B 84 (2022), 822-852.

    >>> e_bh(np.log([100.0, 1.0, 45.0, 20.0]), 0.05)
    array([ True, False,  True, False])
    """
    size = len(log_e)
    order = np.argsort(-log_e, kind="stable")
    enough = log_e[order] >= np.log(size / (np.arange(1, size + 1) * alpha))
    return _first(order, enough)


def benjamini_hochberg(p: Floats, alpha: float) -> Bools:
    """Return which of K nulls are rejected, (K,), from their p-values, (K,).

    With p_(1) <= p_(2) <= ..., it is the first k, for the largest k with p_(k) <= k alpha / K. The false discovery rate
    is <= `alpha` for p-values that are independent or positively dependent, at one look.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995), 289-300.

    >>> benjamini_hochberg(np.array([0.04, 0.001, 0.025, 0.9]), 0.05)
    array([False,  True,  True, False])
    """
    size = len(p)
    order = np.argsort(p, kind="stable")
    enough = p[order] <= np.arange(1, size + 1) * alpha / max(size, 1)
    return _first(order, enough)


def _first(order: np.ndarray[tuple[int, ...], np.dtype[np.intp]], enough: Bools) -> Bools:
    """Return which come first in `order`, as many as the last place that is enough."""
    places = np.flatnonzero(enough)
    rejected = np.zeros(len(order), bool)
    rejected[order[: places[-1] + 1 if len(places) else 0]] = True
    return rejected
