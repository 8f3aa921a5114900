"""Bounds of one ratio of bad events that hold however often one looks: the beta-binomial confidence sequence.

A ratio p is rejected once the mixture of all ratios, weighted by Beta(1/2, 1/2), explains x bad of n events 1 / alpha
times better than p does. If the true ratio is constant, it is ever rejected with chance <= alpha (Ville 1939).

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


def both(lower_of: tuple[Ints, Ints], upper_of: tuple[Ints, Ints], alpha: Floats | float) -> tuple[Floats, Floats]:
    """Return `lower` of the first x and n and `upper` of the second, all of one shape (K,), in half the time.

    >>> lowest, highest = both((np.array([2]), np.array([9])), (np.array([3]), np.array([10])), 0.05)
    >>> lowest == lower(np.array([2]), np.array([9]), 0.05), highest == upper(np.array([3]), np.array([10]), 0.05)
    (array([ True]), array([ True]))
    """
    x, n = (np.concatenate(pair) for pair in zip(lower_of, upper_of, strict=True))
    size = len(lower_of[0])
    levels = np.concatenate([np.broadcast_to(alpha, (size,))] * 2)
    found = _bound(x, n, levels, np.repeat([0.0, 1.0], size))
    return found[:size], found[size:]


def _bound(x: Ints, n: Ints, alpha: Floats | float, end: Floats) -> Floats:
    """Bisect between the observed ratio, which is never rejected, and `end`."""
    mixture = special.betaln(x + PRIOR, n - x + PRIOR) - special.betaln(PRIOR, PRIOR)
    limit = mixture + np.log(alpha)
    inside, outside = x / np.maximum(n, 1), end.astype(float)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        is_in = special.xlogy(x, middle) + special.xlog1py(n - x, -middle) >= limit
        inside, outside = np.where(is_in, middle, inside), np.where(is_in, outside, middle)
    return np.where(n > 0, outside, end)
