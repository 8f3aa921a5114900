"""Bounds of one ratio of bad events that hold however often one looks: the beta-binomial confidence sequence.

The ratio p is rejected once the mixture of all ratios, weighted by Beta(1/2, 1/2), explains x bad of n events 1 / alpha
times better than p does. With p constant that ever happens to the true one with chance <= alpha (Ville 1939).

Source: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
Statistics 41 (1970), 1397-1409, example 3.
"""

import numpy as np
from scipy import special

from operators.arrays import Floats, Ints

STEPS = 40  # Of bisection: 1e-12.
PRIOR = 0.5


def lower(x: Ints, n: Ints, alpha: Floats | float) -> Floats:
    """Return a bound that is ever above the ratio with chance <= `alpha`, from x bad of n, each (K,)."""
    return _bound(x, n, alpha, np.zeros(len(n)))


def upper(x: Ints, n: Ints, alpha: Floats | float) -> Floats:
    """Return a bound that is ever below the ratio with chance <= `alpha`, each (K,); 1 without events.

    >>> upper(np.array([0, 0, 5]), np.array([0, 5_000, 5_000]), 0.05).round(4)
    array([1.    , 0.0016, 0.0038])
    """
    return _bound(x, n, alpha, np.ones(len(n)))


def _bound(x: Ints, n: Ints, alpha: Floats | float, end: Floats) -> Floats:
    """Bisect between the observed ratio, which is never rejected, and an end."""
    mixture = special.betaln(x + PRIOR, n - x + PRIOR) - special.betaln(PRIOR, PRIOR)
    limit = mixture + np.log(alpha)
    inside, outside = x / np.maximum(n, 1), end.astype(float)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        is_in = special.xlogy(x, middle) + special.xlog1py(n - x, -middle) >= limit
        inside, outside = np.where(is_in, middle, inside), np.where(is_in, outside, middle)
    return np.where(n > 0, outside, end)
