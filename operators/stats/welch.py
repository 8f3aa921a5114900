"""Has the judged quality of a version fallen more than s standard errors below its baseline?

It is tested from sums alone: n, mean and variance of the scores of both, over one window (an hour). With
t = (mean_b - mean_c) / sqrt(var_c / n_c + var_b / n_b) and Welch's degrees of freedom (B. L. Welch, 1947,
Biometrika 34, p. 28) it alarms when P(T >= t) < P(Z >= s): with thousands of scores that is t > s, with 30 it takes
more, and either way chance alarms about as often as s promises: hourly at 2 sigma 3.8 times a week and series, at
3 sigma 0.23 (`false_alarms`). var_c is at least var_b: for 35 log-normal values (sd of the logarithm 0.7) against
20,000, 3 sigma with the variance of the 35 alone alarmed 11 times as often as promised, for 5 % ones among zeros 125
times.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.stats.distributions import normal_tail, student_tail

SIGMAS = 3.0
SAMPLES_MIN = 30  # Scores of each; fewer are not judged.


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Judge scores of K series over a window, each (K,): how many, their mean and (n - 1) variance."""

    n: Ints
    mean: Floats
    variance: Floats


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """Each (K,): `errors` is t, `p` its tail; without enough scores errors is NaN, p is 1 and nothing alarms."""

    errors: Floats
    p: Floats
    enough: NDArray[np.bool_]
    alarm: NDArray[np.bool_]


def scores_of(n: Ints, total: Floats, squares: Floats) -> Scores:
    """Return scores from n, sum and sum of squares, each (K,).

    >>> scores_of(np.array([4]), np.array([10.0]), np.array([30.0]))
    Scores(n=array([4]), mean=array([2.5]), variance=array([1.66666667]))
    """
    mean = total / np.maximum(n, 1)
    return Scores(n=n, mean=mean, variance=np.maximum(squares - n * mean**2, 0.0) / np.maximum(n - 1, 1))


def fall(current: Scores, baseline: Scores, sigmas: float = SIGMAS) -> Fall:
    """Compare K series with their baselines. ValueError: sigmas is not above 0."""
    if not sigmas > 0:
        raise ValueError(f"sigmas must be above 0, got {sigmas!r}")
    enough = (current.n >= SAMPLES_MIN) & (baseline.n >= SAMPLES_MIN)
    # Skewed scores that lack their few high ones have a low mean and too small a variance at once.
    variances = np.maximum(current.variance, baseline.variance), baseline.variance
    parts = [var / np.maximum(scores.n, 1) for var, scores in zip(variances, (current, baseline), strict=True)]
    error = np.sqrt(parts[0] + parts[1])
    gap = np.where(enough, baseline.mean - current.mean, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Scores that never vary have no error, so any fall is beyond chance.
        errors = np.where(error > 0, gap / error, np.where(gap == 0, 0.0, gap * np.inf))
        welch = error**4 / sum(
            part**2 / np.maximum(scores.n - 1, 1) for part, scores in zip(parts, (current, baseline), strict=True)
        )
    df = np.where(np.isfinite(welch), welch, 1e9)
    p = np.where(enough, student_tail(np.where(enough, errors, 0.0), df), 1.0)
    return Fall(errors=errors, p=p, enough=enough, alarm=p < normal_tail(sigmas))
