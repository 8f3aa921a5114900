"""Exact bounds of a ratio from counts, valid for any n at one look: Clopper-Pearson."""

import numpy as np
from scipy import special

from operators.arrays import Floats, Ints


def lower_bound(x: Ints, n: Ints, alpha: Floats | float) -> Floats:
    """Return a bound that is above the ratio with chance <= `alpha`, from x of n, each (K,); 0 where x = 0.

    It is the ratio at which x or more of n come with chance `alpha`, the alpha-quantile of Beta(x, n - x + 1).

    Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934), 404-413; as Beta quantiles in L. D. Brown, T. T. Cai, A. DasGupta, "Interval
    estimation for a binomial proportion", Statistical Science 16 (2001), 101-133.

    >>> lower_bound(np.array([0, 18, 20]), np.array([0, 20, 20]), 0.025).round(4)
    array([0.    , 0.683 , 0.8316])
    """
    # The Beta distribution needs both parameters > 0; where x = 0 its place is taken by the limit.
    return np.where(x > 0, special.betaincinv(np.maximum(x, 1), n - x + 1.0, alpha), 0.0)


def upper_bound(x: Ints, n: Ints, alpha: Floats | float) -> Floats:
    """Return a bound that is below the ratio with chance <= `alpha`, each (K,); 1 where x = n, and without events.

    >>> upper_bound(np.array([0, 0, 18]), np.array([0, 30, 20]), 0.025).round(4)
    array([1.    , 0.1157, 0.9877])
    """
    return 1.0 - lower_bound(n - x, n, alpha)


def interval(x: Ints, n: Ints, alpha: float) -> tuple[Floats, Floats]:
    """Return both bounds, each (K,), with `alpha` / 2 on either side.

    >>> [bound.round(4) for bound in interval(np.array([51]), np.array([235]), 0.05)]
    [array([0.1661]), array([0.2753])]
    """
    return lower_bound(x, n, alpha / 2), upper_bound(x, n, alpha / 2)
