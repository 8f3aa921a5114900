"""Sums and means of E-values, by their logarithms: of many processes and alternatives at once."""

import numpy as np

from operators.arrays import Floats, Ints
from operators.stats.multiple_testing import Bools

LOG_E_MAX = 700.0  # e to this power can still be added up, and no alpha is this small.
LEARNED = 0.5  # The weight of all learned alternatives together.
WORSE, NOT_WORSE = 0, 1


def log_e_each_way(log_m: Floats, blocks: Ints) -> Floats:
    """Return ln E of WORSE and NOT_WORSE at every null, (K, 2, G); 0 where there is no alternative.

    Values beyond `LOG_E_MAX` count as that. Exact up to rounding, as ln E is only compared with ln(1 / alpha).
    """
    size, nulls = log_m.shape[1], np.arange(log_m.shape[1])
    # In the row of each null: the alternatives below it, the null itself, with M = 1 - rest or so, those above it.
    edges = np.stack((nulls * size, nulls * (size + 1), nulls * (size + 1) + 1), axis=1).ravel()[:-1]
    m = np.minimum(log_m, LOG_E_MAX).reshape(-1, size * size)
    sums = np.add.reduceat(np.exp(m, out=m), edges, axis=1)
    e = np.zeros((len(log_m), 2, size))
    e[:, WORSE, :-1] = sums[:, 2::3] / nulls[:0:-1]
    e[:, NOT_WORSE, 1:] = sums[:, 3::3] / nulls[1:]
    log_e = np.log(e + (1 / (blocks + 1.0))[:, None, None])
    log_e[:, WORSE, -1] = log_e[:, NOT_WORSE, 0] = 0.0
    return log_e


def log_add_each(log_m: Floats, log_weight: Floats) -> Floats:
    """Return ln(M + weight), of the shape of `log_m` (K, ...); `log_weight` (K,) is finite, so nothing is inf - inf.

    Five times as fast as `np.logaddexp`, and as exact as ln E has to be: 1e-16 nats.
    """
    log_weight = log_weight.reshape(-1, *[1] * (log_m.ndim - 1))
    high = np.maximum(log_m, log_weight)
    less = np.minimum(log_m, log_weight)
    less -= high
    np.exp(less, out=less)
    less += 1
    np.log(less, out=less)
    high += less
    return high


def log_mixture(grid: Floats, learned: Floats) -> Floats:
    """Return the logarithm of the weighted mean of e^grid (K, A) and e^learned (K, memories), (K,)."""
    high = np.maximum(grid.max(axis=1, initial=-np.inf), learned.max(axis=1))[:, None]
    # Column by column, as the last bits of a matrix product depend on the number of rows.
    share = 1.0 - LEARNED if grid.shape[1] else 0.0
    mean = (1.0 - share) * np.exp(learned - high).mean(axis=1)
    if share:
        mean = mean + share * np.exp(grid - high).mean(axis=1)
    total: Floats = high[:, 0] + np.log(mean)
    return total


def log_mean_of(log_m: Floats, mask: Bools) -> Floats:
    """Return the logarithm of the mean of those e^log_m (..., A) that `mask` (..., A) marks, (...); 0 without any."""
    kept = np.where(mask, log_m, -np.inf)  # e^-inf adds nothing.
    high = kept.max(axis=-1)
    bets = np.isfinite(high)
    shift = np.where(bets, high, 0.0)
    sums = np.exp(kept - shift[..., None]).sum(axis=-1)
    out = np.zeros(high.shape)
    np.log(sums / np.maximum(mask.sum(axis=-1), 1), out=out, where=bets)
    total: Floats = out + shift
    return total
