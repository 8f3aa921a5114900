"""Calibration: of the answers with a confidence of 0.8, are eight in ten right?

Answers are counted in CELLS cells of confidence, right and wrong apart, and looked at in BINS bins of equal width. The
expected calibration error is the mean distance between confidence and share of right answers over the bins, weighted
by their answers. Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
binning", AAAI 2015, section 4.1; C. Guo et al., "On calibration of modern neural networks", ICML 2017, eq. 3.

Estimated from few answers it is too large, as chance adds to every distance. So `surely` returns a bound, which is
above the true value for these bins with chance `alpha` at most: in each bin, the distance to the exact interval of the
share, at alpha / BINS. The confidence of a bin is known only to half a cell, which is subtracted.
"""

import numpy as np

from operators.arrays import Floats, Ints
from operators.stats.binomial import interval

CELLS = 50  # Of confidence, each 0.02 wide.
BINS = 10
CENTRES = (np.arange(CELLS) + 0.5) / CELLS


def reliability(counts: Ints) -> tuple[Ints, Ints, Floats]:
    """Return, for each bin, its number of answers, how many of them are right, and their mean confidence, (K, BINS).

    `counts` (K, 2 * CELLS) are the wrong answers by cell, then the right ones. A bin without answers gets its middle.
    """
    wrong, right = (part.reshape(-1, BINS, CELLS // BINS) for part in np.split(counts, 2, axis=1))
    n = wrong + right
    totals = n.sum(axis=2)
    centres = CENTRES.reshape(BINS, CELLS // BINS)
    confidence = (n * centres).sum(axis=2) / np.maximum(totals, 1)
    return totals, right.sum(axis=2), np.where(totals > 0, confidence, centres.mean(axis=1))


def calibration_error(counts: Ints) -> Floats:
    """Return the expected calibration error (K,), NaN without answers.

    >>> counts = np.zeros((1, 2 * CELLS), np.int64)
    >>> counts[0, 49], counts[0, CELLS + 49] = 40, 60  # Of 100 answers with a confidence of 0.99, 60 are right.
    >>> calibration_error(counts).round(2)
    array([0.39])
    """
    n, right, confidence = reliability(counts)
    return _mean(np.abs(right / np.maximum(n, 1) - confidence), n)


def surely(counts: Ints, alpha: float) -> Floats:
    """Return a bound (K,) that is above the calibration error with chance `alpha` at most; NaN without answers."""
    n, right, confidence = reliability(counts)
    low, high = (bound.reshape(n.shape) for bound in interval(right.ravel(), n.ravel(), alpha / BINS))
    gap = np.maximum(low - confidence, confidence - high) - 0.5 / CELLS
    return _mean(np.maximum(gap, 0.0), n)


def _mean(gaps: Floats, n: Ints) -> Floats:
    totals = n.sum(axis=1)
    return np.where(totals > 0, (gaps * n).sum(axis=1) / np.maximum(totals, 1), np.nan)
