"""Many hypotheses at once: which of them may be rejected, when each test alone is wrong now and then."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats

Bools = NDArray[np.bool_]


def e_bh(log_e: Floats, alpha: float, weights: Floats | None = None) -> Bools:
    """Return which of K nulls are rejected, (K,), from their E-values as logarithms, (K,).

    With w E sorted, (w E)_(1) >= (w E)_(2) >= ..., these are the first k, for the largest k with (w E)_(k) >= 1/(k
    alpha). `weights` (K,) add up to at most 1; without them each is 1 / K, of a K that was known before. The share of
    wrong ones among the rejected is <= `alpha` in expectation, however the K depend on each other: slices that overlap
    may be judged together. Pass the E-values of the moment of judging, not their peaks: a peak over time is no E-value.
    While none of the K is false, the chance that any is ever rejected is <= `alpha` too, because a rejection needs a
    sum of w E >= 1 / alpha, and with weights that stay the sum is an e-process (Ville).

    Source: R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS B 84 (2022), 822-852.

    >>> e_bh(np.log([100.0, 1.0, 45.0, 20.0]), 0.05)
    array([ True, False,  True, False])
    >>> e_bh(np.log([100.0, 1.0, 45.0, 20.0]), 0.05, np.full(4, 0.05))
    array([False, False, False, False])
    """
    size = len(log_e)
    each = np.full(size, 1.0 / max(size, 1)) if weights is None else weights
    weighed = log_e + np.log(each)
    order = np.argsort(-weighed, kind="stable")
    enough = weighed[order] >= -np.log(np.arange(1, size + 1) * alpha)
    return _first(order, enough)


def benjamini_hochberg(p: Floats, alpha: float) -> Bools:
    """Return which of K nulls are rejected, (K,), from their p-values, (K,).

    With p_(1) <= p_(2) <= ..., these are the first k, for the largest k with p_(k) <= k alpha / K. The false discovery
    rate is <= `alpha` for p-values that are independent or positively dependent, at one look.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995), 289-300.

    >>> benjamini_hochberg(np.array([0.04, 0.001, 0.025, 0.9]), 0.05)
    array([False,  True,  True, False])
    """
    size = len(p)
    order = np.argsort(p, kind="stable")
    enough = p[order] <= np.arange(1, size + 1) * alpha / max(size, 1)
    return _first(order, enough)


def _first(order: np.ndarray[tuple[int, ...], np.dtype[np.intp]], enough: Bools) -> Bools:
    """Return which come first in `order`, up to the last place that is `enough`."""
    places = np.flatnonzero(enough)
    rejected = np.zeros(len(order), bool)
    rejected[order[: places[-1] + 1 if len(places) else 0]] = True
    return rejected
