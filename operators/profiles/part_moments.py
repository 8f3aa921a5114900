"""Mean and deviation of a field's numbers by slice or hour, and their sums over several parts."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.profiles.binning import Value, numbers_of
from operators.profiles.profile import PartMoments
from operators.stats.magnitude import scaled, unscaled


def moments_by(values: Sequence[Value], of: Ints, parts: int) -> tuple[PartMoments, ...]:
    """Return the moments of each part's numbers; `of` is the part of each value.

    >>> [(each.n, each.mean) for each in moments_by([1.0, 3.0, None, 5.0], np.array([0, 0, 0, 1]), 3)]
    [(2, 2.0), (1, 5.0), (0, 0.0)]
    """
    column = numbers_of(values)
    finite = np.isfinite(column)
    numbers, exponent = scaled(column[finite])
    of = np.asarray(of)[finite]
    n = np.bincount(of, minlength=parts)
    low, high = np.full(parts, np.inf), np.full(parts, -np.inf)
    np.minimum.at(low, of, numbers)
    np.maximum.at(high, of, numbers)
    # By rounding, the mean of equal values may differ from them, which would give a deviation where there is none.
    mean = np.clip(np.bincount(of, numbers, parts) / np.maximum(n, 1), low, high)
    mean[n == 0] = 0.0
    sd = (np.bincount(of, (numbers - mean[of]) ** 2, parts) / np.maximum(n - 1, 1)) ** 0.5
    rows = zip(n.tolist(), mean.tolist(), sd.tolist(), strict=True)
    return tuple(PartMoments(n=k, mean=unscaled(m, exponent), sd=unscaled(s, exponent)) for k, m, s in rows)


def added_parts(parts: Sequence[PartMoments]) -> PartMoments:
    """Return the moments of all numbers of some parts.

    >>> one, other = moments_by([1.0, 3.0, 5.0, 9.0], np.array([0, 0, 1, 1]), 2)
    >>> added_parts([one, other]) == moments_by([1.0, 3.0, 5.0, 9.0], np.zeros(4, int), 1)[0]
    True
    """
    some = [each for each in parts if each.n]
    if len(some) < 2:
        return some[0] if some else PartMoments()
    n = np.array([each.n for each in some], float)
    numbers, exponent = scaled(np.array([number for each in some for number in (each.mean, each.sd)]))
    means, sds = numbers.reshape(-1, 2).T
    mean = float(np.clip((n * means).sum() / n.sum(), means.min(), means.max()))
    squares = float(((n - 1) * sds**2 + n * (means - mean) ** 2).sum())
    sd = (squares / (n.sum() - 1)) ** 0.5
    return PartMoments(n=int(n.sum()), mean=unscaled(mean, exponent), sd=unscaled(sd, exponent))
