"""Which features the residual is made of, where a profile has more of them than are taken.

Where correlations turn nothing shows but in features that go together, so these come first: by how closely each goes
with some other, as far as chance would not make it so. In pairs of features that do not go together no correlation of
n events is larger than CHANCE / sqrt(n). (At 4.5, a false pair in one of 30 profiles of 100 features, they alarmed.)
"""

from collections.abc import Mapping

import numpy as np

from operators.arrays import Floats
from operators.profiles.profile import Moments
from operators.stats.magnitude import standardised

CHANCE = 6.0
COMPLETE = 0.9  # Features with so many of the values that the most complete one has are as good.
LOOKED_AT_MAX = 200  # Features: of 100,000 events their correlations take a second.
Z_MAX = 10.0  # Standard deviations; what lies further counts as lying there.
# Closeness is told apart by so much: to take those that happen to go together most closely would be to choose chance.
STEPS = 3


def by_closeness(numbers: Mapping[str, Floats], moments: Mapping[str, Moments]) -> list[str]:
    """Return the names of features by the order in which they are taken: the complete first, that go together.

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
    """Return in steps how large the largest correlation of each column with another is, 0 where it may be chance."""
    z = np.column_stack(columns)
    squares = (z**2).sum(axis=0)
    correlations = np.abs(z.T @ z) / np.sqrt(np.outer(squares, squares))
    np.fill_diagonal(correlations, 0.0)
    largest = correlations.max(axis=1)
    found: list[float] = np.where(largest > CHANCE / len(z) ** 0.5, 1.0 + np.floor(STEPS * largest), 0.0).tolist()
    return found


def clipped_z(numbers: Floats, mean: float, sd: float) -> Floats:
    """Return numbers in standard deviations from the mean, at most Z_MAX; 0 for what is none."""
    finite = np.isfinite(numbers)
    return np.where(finite, np.clip(standardised(np.where(finite, numbers, mean), mean, sd), -Z_MAX, Z_MAX), 0.0)
