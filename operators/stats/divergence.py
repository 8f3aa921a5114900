"""How far apart are two histograms over the same bins? PSI, Kullback-Leibler, Jensen-Shannon (nats), Hellinger.

Counts come as (..., B), current and reference, with any leading axes: series, features, windows. Both are smoothed by
1/2 per bin (Jeffreys), so an empty bin gives a finite score. A bin that is empty in both is left out, neither smoothed
nor counted, so that histograms of different width may share an array, padded with zeros. (Otherwise a window of 100
against a reference of 100,000 would seem to differ in every bin that never occurs.) If one of the two has no value at
all, every score is NaN: no data is no distance.

PSI: S. Kullback, R. A. Leibler (1951), "On information and sufficiency", Ann. Math. Stat. 22 (their J), known
in credit scoring as the population stability index. Jensen-Shannon: J. Lin (1991), IEEE Trans. Inf. Theory 37,
section IV. Hellinger: E. Hellinger (1909); here sqrt(1 - sum sqrt(q p)), between 0 and 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints

Counts = NDArray[np.integer[Any]] | NDArray[np.floating[Any]]

SMOOTHING = 0.5


def psi(current: Counts, reference: Counts) -> Floats:
    """Return sum (q - p) ln(q / p), shape (...): the population stability index.

    >>> round(float(psi(np.array([30, 30, 40]), np.array([300, 400, 300]))), 4)
    0.0566
    """
    q, p, present = smoothed(current, reference)
    return _total((q - p) * np.log(q / p), present)


def kl(current: Counts, reference: Counts) -> Floats:
    """Return KL(current || reference) = sum q ln(q / p) in nats, shape (...)."""
    return kl_of(*smoothed(current, reference))


def jensen_shannon(current: Counts, reference: Counts) -> Floats:
    """Return the divergence (not its root) in nats, shape (...): 0 .. ln 2."""
    return jensen_shannon_of(*smoothed(current, reference))


def kl_of(q: Floats, p: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return `kl` from the results of `smoothed`."""
    return _total(q * np.log(q / p), present)


def jensen_shannon_of(q: Floats, p: Floats, present: NDArray[np.bool_]) -> Floats:
    """Return `jensen_shannon` from the results of `smoothed`."""
    middle = (q + p) / 2
    return _total((q * np.log(q / middle) + p * np.log(p / middle)) / 2, present)


def hellinger(current: Counts, reference: Counts) -> Floats:
    """Return the distance, shape (...): 0 .. 1."""
    q, p, present = smoothed(current, reference)
    # From squared differences, as 1 - sum sqrt(q p) would leave a rounding error for equal histograms.
    return np.sqrt(_total((np.sqrt(q) - np.sqrt(p)) ** 2 / 2, present))


def likelihood_ratio(current: Counts, reference: Counts) -> Floats:
    """Return Wilks' G of both against their pooled shares, shape (...), without smoothing."""
    n, m = (counts.sum(axis=-1, keepdims=True) for counts in (current, reference))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (current + reference) / (n + m)
        parts = [
            np.where(counts > 0, counts * np.log(counts / (size * pooled)), 0.0)
            for counts, size in ((current, n), (reference, m))
        ]
    total: Floats = 2 * (parts[0] + parts[1]).sum(axis=-1)
    return total


def bins_used(current: Counts, reference: Counts) -> Ints:
    """Return how many bins hold anything in either, shape (...)."""
    return np.asarray((current + reference > 0).sum(axis=-1), np.int64)


def smoothed(current: Counts, reference: Counts) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the shares q and p, each (..., B), 1 in bins that are left out, and which series have data, (...)."""
    if current.shape[-1] != reference.shape[-1]:
        raise ValueError(f"current and reference need equal bins, got {current.shape} and {reference.shape}")
    used = current + reference > 0
    bins = used.sum(axis=-1, keepdims=True)
    n, m = (counts.sum(axis=-1, keepdims=True) for counts in (current, reference))
    shares = [
        np.where(used, (counts + SMOOTHING) / np.maximum(size + SMOOTHING * bins, SMOOTHING), 1.0)
        for counts, size in ((current, n), (reference, m))
    ]
    return shares[0], shares[1], ((n > 0) & (m > 0))[..., 0]


def _total(terms: Floats, present: NDArray[np.bool_]) -> Floats:
    return np.where(present, terms.sum(axis=-1), np.nan)
