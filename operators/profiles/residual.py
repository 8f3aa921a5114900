"""The residual of a principal component analysis: how far an event's features are from their usual correlations.

Numeric features are standardised as in the reference. The principal components that explain EXPLAINED of the variance
describe how features go together; the residual is the length of what they leave, in standard deviations. It grows when
a correlation changes, even if each feature by itself is distributed as before. Source: J. E. Jackson, G. S. Mudholkar,
"Control procedures for residuals associated with principal component analysis", Technometrics 21 (1979), pp. 341-349.

Events that the components were made of lie nearer to them than other events: with 20 features and 200 events, PSI of
other events was 0.6. So a profile's residuals of its own events are cross-fitted: each event is measured by components
made of other events. PSI is then what chance alone makes it. Where features together have few distinct values, such as
flags, so has the residual, and other components would move each value past the edges of bins: with four flags PSI was
3.4 in every profile. There events are measured by the final components, as later events will be: few values leave
little to fit.

A missing value counts as the mean, and a value beyond Z_MAX as Z_MAX. The residual is added up column by column and
rounded, so it does not depend on how many events come at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from operators.arrays import Floats
from operators.profiles.binning import TEXT, Value, numbers_of
from operators.profiles.build import moments_of
from operators.profiles.profile import Components, Moments
from operators.profiles.residual_features import Z_MAX, by_closeness, clipped_z
from operators.stats.magnitude import standardised

EXPLAINED = 0.9
FEATURES_MAX = 32  # An event costs some 0.2 microseconds for each; `residual_features.py` chooses them.
# Events for each feature: with half as many, heavy tails alarmed in one of 200 profiles, and with normal features a
# reversed correlation stayed below PSI's limit in one of fourteen.
EVENTS_MIN = 20
ROWS_MIN = 100
FOLDS = 50  # With ten folds the residual of 200 events was a fifth too large in one profile of 200, and alarmed.
FOLDS_OF_MANY, MANY = 10, 5_000
DIGITS = 6


def components_of(columns: Mapping[str, Sequence[Value]]) -> Components:
    """Return the components of the numeric features, in columns of equal length: as many as the events suffice for.

    ValueError: fewer than two features vary, or there are too few events.

    >>> steps = [float(step) for step in range(100)]
    >>> components_of({"features.a": steps, "features.b": [-step for step in steps], "score": steps}).left
    ((0.707107, 0.707107),)
    """
    numbers = {name: numbers_of(values) for name, values in columns.items() if name.startswith("features.")}
    every = {name: _moments(of) for name, of in numbers.items()}
    found = {name: moments for name, moments in every.items() if moments is not None}
    if len(found) < 2:
        raise ValueError(f"a residual needs two numeric features that vary, there are {len(found)}")
    first = by_closeness(numbers, found)[:FEATURES_MAX]
    names = sorted(name for at, name in enumerate(first, 1) if found[name].n >= max(EVENTS_MIN * at, ROWS_MIN))
    if len(names) < 2:
        raise ValueError(f"a residual needs {ROWS_MIN} events with values of two features")
    means, sds = (tuple(getattr(found[name], of) for name in names) for of in ("mean", "sd"))
    z = np.column_stack([clipped_z(numbers[name], *each) for name, *each in zip(names, means, sds, strict=True)])
    # Events are sorted, so that the same values give the same profile in any order.
    left = _left(z[np.lexsort(z.T)])
    return Components(names=tuple(names), means=means, sds=sds, left=tuple(map(tuple, left.tolist())))


def cross_fitted(components: Components, columns: Sequence[Sequence[Value]]) -> list[float | None]:
    """Return the residual of each event that `components` were made of, as if they were not made of it.

    Events lie nearer to components that they helped to make than other events do. So the events of each fold are
    measured by components made of the other folds: means, deviations, and as many directions. Where at most half of the
    residuals are distinct, they are returned as they are.

    >>> steps = [float(step) for step in range(100)]
    >>> values = [steps, [step + step**2 % 13 for step in steps]]
    >>> fitted = components_of({"features.a": values[0], "features.b": values[1]})
    >>> round(sum(cross_fitted(fitted, values)) / sum(residuals(fitted, values)), 2) > 1.0
    True
    """
    own = residuals(components, columns)
    if 2 * len(set(own)) <= len(own):
        return own
    every = [numbers_of(values) for values in columns]
    numbers = np.column_stack([np.where(np.isfinite(each), each, np.nan) for each in every])
    z = np.column_stack([standardised(*each) for each in zip(numbers.T, components.means, components.sds, strict=True)])
    # Equal events are spread over the folds, as others like them will come.
    order = np.lexsort(z.T)
    left = np.array(components.left)
    lengths = np.zeros(len(z))
    folds = FOLDS if len(z) <= MANY else FOLDS_OF_MANY
    for fold in range(folds):
        held, others = order[fold::folds], np.delete(order, slice(fold, None, folds))
        lengths[held] = _beyond(z[others], z[held], left)
    known = np.isfinite(numbers).any(axis=1)
    return [length if is_known else None for length, is_known in zip(lengths.tolist(), known.tolist(), strict=True)]


def residuals(components: Components, columns: Sequence[Sequence[Value]]) -> list[float | None]:
    """Return the residual of each event, from the values of the features in order; None where all are missing."""
    numbers = [numbers_of(values) for values in columns]
    known = np.any([np.isfinite(each) for each in numbers], axis=0)
    z = [clipped_z(*each) for each in zip(numbers, components.means, components.sds, strict=True)]
    squares = np.zeros(len(known))
    for direction in components.left:
        along = np.zeros(len(known))
        for weight, each in zip(direction, z, strict=True):
            along += weight * each
        squares += along**2
    lengths = np.round(np.sqrt(squares), DIGITS).tolist()
    return [length if is_known else None for length, is_known in zip(lengths, known.tolist(), strict=True)]


def _left(z: Floats) -> Floats:
    """Return the directions (k, features) that principal components of standardised events leave."""
    _, sizes, directions = np.linalg.svd(z, full_matrices=False)
    variance = np.cumsum(sizes**2) / (sizes**2).sum()
    kept = min(int(np.searchsorted(variance, EXPLAINED)) + 1, z.shape[1] - 1)
    left = directions[kept:].round(DIGITS) + 0.0
    # A direction and its opposite give the same residual.
    signs = np.sign(left[np.arange(len(left)), np.abs(left).argmax(axis=1)])
    return np.asarray(left * signs[:, None])


def _beyond(others: Floats, held: Floats, left: Floats) -> Floats:
    """Return the residuals of the events in `held` by the directions that `others` make for `left`; NaN is missing.

    Of the others' directions those nearest to `left` are taken. Taking the smallest ones would choose those in which
    the held events vary most, where some directions vary nearly alike.
    """
    known = np.isfinite(others)
    n = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, others, 0.0).sum(axis=0) / n
    off = np.where(known, others - means, 0.0)
    sds = np.sqrt((off**2).sum(axis=0) / np.maximum(n - 1, 1))
    sds = np.where(sds > 0, sds, 1.0)
    z = np.clip(off / sds, -Z_MAX, Z_MAX)
    _, directions = np.linalg.eigh(z.T @ z)
    new = np.clip(np.where(np.isfinite(held), (held - means) / sds, 0.0), -Z_MAX, Z_MAX)
    nearest = np.argsort(-((left @ directions) ** 2).sum(axis=0), kind="stable")[: len(left)]
    return np.asarray(np.linalg.norm(new @ directions[:, nearest], axis=1).round(DIGITS))


def _moments(numbers: Floats) -> Moments | None:
    """Return the moments of a feature's column, None if it is not numeric, or constant."""
    finite = np.sort(numbers[np.isfinite(numbers)])
    if not len(finite) or len(finite) <= int((numbers == TEXT).sum()):
        return None
    moments = moments_of(finite)
    return moments if 0 < moments.sd < np.inf else None
