"""Is a PSI large enough to matter, and too large for chance?

Without drift PSI is close to chi2_{B-1} * (1/n + 1/m) (B. Yurdakul, 2018, "Statistical properties of population
stability index", Western Michigan University): with n = 100 a bare limit of 0.1 would alarm in 39 % of windows. So
an alarm needs both: more than PSI_MIN, the usual "significant shift", and more than chance explains.

The p-value is the larger of the chi-square tails of PSI and of the likelihood ratio, because PSI's own is too small far
out, where it matters when many features and slices are judged at once. Measured, 4 million windows of 100 in ten bins:
P(p <= 1e-6) is 11e-6 with PSI alone and 1.5e-6 with both; a flag at 1 %, windows of 1,000: 39e-6 and 0.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from operators.arrays import Floats, Ints
from operators.stats.distributions import chi_square_quantile, chi_square_tail
from operators.stats.divergence import Counts, bins_used, likelihood_ratio, psi

PSI_MIN = 0.2
ALPHA = 0.001  # False alarms per window and series set; hourly, 0.17 a week.
SAMPLES_MIN = 50  # In either; the chi-square tails were checked from this number on.


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """PSI of some series, each array of shape (...).

    `p`: how likely chance gives as much; 1 where PSI is at most PSI_MIN or `enough` is false, so that a procedure for
    many tests (Benjamini-Hochberg) can take all of them. `alarm`: each judged alone.
    """

    score: Floats
    threshold: Floats
    p: Floats
    n_current: Ints
    n_reference: Ints
    enough: NDArray[np.bool_]
    alarm: NDArray[np.bool_]


def shift(
    current: Counts,
    reference: Counts,
    alpha: float = ALPHA,
    psi_min: float = PSI_MIN,
    designs: tuple[ArrayLike, ArrayLike] = (1.0, 1.0),
) -> Shift:
    """Judge counts (..., B) against those of the reference, which may have fewer leading axes.

    `designs` are the design effects of both, shape (...): how many of their events are worth one that is independent
    (`design_effect.py`). Scores use all events; p and `enough` use what these are worth.

    ValueError: alpha is not within 0 .. 1, or the bins differ.

    >>> found = shift(np.array([[100, 100, 100], [30, 100, 170]]), np.array([1000, 1000, 1000]))
    >>> found.score.round(3).tolist(), found.threshold.round(3).tolist(), found.alarm.tolist()
    ([0.0, 0.4], [0.2, 0.2], [False, True])
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}")
    score = psi(current, reference)
    n, m = (np.broadcast_to(np.asarray(side.sum(axis=-1), np.int64), score.shape) for side in (current, reference))
    worth = [
        counts / np.asarray(design, float)[..., None]
        for counts, design in zip((current, reference), designs, strict=True)
    ]
    sizes = [counts.sum(axis=-1) for counts in worth]
    enough = (sizes[0] >= SAMPLES_MIN) & (sizes[1] >= SAMPLES_MIN)
    spread = 1 / np.maximum(sizes[0], 1) + 1 / np.maximum(sizes[1], 1)
    df = bins_used(current, reference) - 1
    asked = enough & (score > psi_min)
    p = np.ones(asked.shape)
    if asked.any():
        # Large enough to matter, and beyond chance on both scales.
        statistic = np.minimum(psi(*worth) / spread, likelihood_ratio(*worth))
        p = np.where(asked, chi_square_tail(statistic, df), 1.0)
    return Shift(
        score=score,
        threshold=np.maximum(psi_min, chi_square_quantile(alpha, df) * spread),
        p=p,
        n_current=n,
        n_reference=m,
        enough=enough,
        alarm=p <= alpha,
    )
