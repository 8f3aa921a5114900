"""What chance alone gives: tails of the chi-square, Student and normal distributions, typed and vectorised."""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from operators.arrays import Floats


def chi_square_tail(x: ArrayLike, df: ArrayLike) -> Floats:
    """Return P(X >= x) of a chi-square variable, the shape of both; 1 where there is no degree of freedom."""
    degrees = np.asarray(df, float)
    return np.where(degrees > 0, special.chdtrc(np.maximum(degrees, 1), np.maximum(x, 0)), 1.0)


def chi_square_quantile(share_above: ArrayLike, df: ArrayLike) -> Floats:
    """Return the x with P(X >= x) = share_above, the shape of both; 0 where there is no degree of freedom.

    >>> chi_square_quantile(0.05, np.array([0, 1, 9])).round(3).tolist()
    [0.0, 3.841, 16.919]
    """
    degrees = np.asarray(df, float)
    return np.where(degrees > 0, special.chdtri(np.maximum(degrees, 1), share_above), 0.0)


def student_tail(t: ArrayLike, df: ArrayLike) -> Floats:
    """Return P(T >= t) of Student's t, the shape of both."""
    return cast(Floats, special.stdtr(df, -np.asarray(t, float)))


def student_quantile(share_above: ArrayLike, df: ArrayLike) -> Floats:
    """Return the t with P(T >= t) = share_above of Student's t, the shape of both.

    >>> round(float(student_quantile(0.025, 9)), 3)
    2.262
    """
    return cast(Floats, -special.stdtrit(df, share_above))


def normal_tail(z: ArrayLike) -> Floats:
    """Return P(Z >= z) of a standard normal variable.

    >>> round(float(normal_tail(3.0)), 5)
    0.00135
    """
    return cast(Floats, special.ndtr(-np.asarray(z, float)))


def beta_binomial_tail(hits: int, n: int, a: float, b: float) -> float:
    """Return P(X >= hits) of n draws whose chance is itself drawn from Beta(a, b). O(n - hits).

    >>> round(beta_binomial_tail(6, 1_000, 0.5, 10_000.5), 9)
    1.31e-07
    """
    k = np.arange(hits, n + 1)
    chosen = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return float(np.exp(chosen + special.betaln(k + a, n - k + b) - special.betaln(a, b)).sum())
