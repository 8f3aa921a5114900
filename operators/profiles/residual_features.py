"""Which features the residual is made of, where a profile has more than are taken.

A change of correlations shows only in correlated features, so these come first: by each feature's largest correlation
with another, as far as it is beyond chance. Uncorrelated pairs have no correlation above CHANCE / sqrt(n) in n events.
(At 4.5, with a false pair in one of 30 profiles of 100 features, such pairs alarmed.)
"""

from collections.abc import Mapping

import numpy as np

from operators.arrays import Floats
from operators.profiles.profile import Moments
from operators.stats.magnitude import standardised

CHANCE = 6.0
COMPLETE = 0.9  # Features with this share of the values that the most complete one has are as good.
LOOKED_AT_MAX = 200  # Features: their correlations over 100,000 events take a second.
Z_MAX = 10.0  # Standard deviations; values beyond count as this.
# Steps of closeness: ranking by the exact correlation would choose by chance.
STEPS = 3


def by_closeness(numbers: Mapping[str, Floats], moments: Mapping[str, Moments]) -> list[str]:
    """Return the names of features in the order in which they are taken: complete and correlated ones first.

    >>> steps = np.arange(100.0)
    >>> numbers = {"a": steps % 7, "b": steps, "c": -steps}
    >>> moments = {name: Moments(n=100, mean=each.mean(), sd=each.std(), skewness=0, kurtosis=3, low=0, high=0)
    ...            for name, each in numbers.items()}
    >>> by_closeness(numbers, moments)
    ['b', 'c', 'a']
    """
    most = max(each.n for each in moments.values())
    names = sorted(moments, key=lambda name: (moments[name].n < COMPLETE * most, -moments[name].n, name))
    looked_at = names[:LOOKED_AT_MAX]
    columns = [clipped_z(numbers[name], moments[name].mean, moments[name].sd) for name in looked_at]
    close = dict(zip(looked_at, _closeness(columns), strict=True))
    return sorted(
        names,
        key=lambda name: (moments[name].n < COMPLETE * most, -close.get(name, 0.0), -moments[name].n, name),
    )


def _closeness(columns: list[Floats]) -> list[float]:
    """Return, in steps, the largest correlation of each column with another, 0 where it may be chance."""
    z = np.column_stack(columns)
    squares = (z**2).sum(axis=0)
    correlations = np.abs(z.T @ z) / np.sqrt(np.outer(squares, squares))
    np.fill_diagonal(correlations, 0.0)
    largest = correlations.max(axis=1)
    found: list[float] = np.where(largest > CHANCE / len(z) ** 0.5, 1.0 + np.floor(STEPS * largest), 0.0).tolist()
    return found


def clipped_z(numbers: Floats, mean: float, sd: float) -> Floats:
    """Return numbers in standard deviations from the mean, at most Z_MAX; 0 for what is not a number."""
    finite = np.isfinite(numbers)
    return np.where(finite, np.clip(standardised(np.where(finite, numbers, mean), mean, sd), -Z_MAX, Z_MAX), 0.0)
