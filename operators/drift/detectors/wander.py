"""How far the level of a series wanders by itself, from hour to hour and over parts of days.

A detector adds up values, so what matters is how far sums stray, and neighbouring panes say too little about that:
levels that wander over hours look constant from one pane to the next. So the mean of each block of some hours is
compared with the next block's: half of the mean squared difference, times the hours of a block, is the variance that an
hour would have if hours were independent (J. von Neumann (1941), Ann. Math. Stat. 12, p. 367; the largest over the
lengths counts, as with batch means). A level that moved once is one large difference: the largest is left out, and the
few others that are far off the rest count for little (`outages.py`), so a change does not hide the next one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats
from operators.drift.detectors.outages import without_outages

BLOCKS_MIN = 4


def wander(hours: Floats, lengths: Sequence[int]) -> float:
    """Return the variance of an hour's mean from the means of consecutive `hours`, NaN where an hour has none.

    0 where there are fewer than BLOCKS_MIN blocks of each length.

    >>> wander(np.array([0.0, 1.0, 0.0, 1.0, 0.0]), (1,)), wander(np.array([0.0, 0.0, 0.0, 9.0, 9.0]), (1, 2))
    (0.5, 0.0)
    """
    known = np.isfinite(hours)
    if not known.any():
        return 0.0
    first = int(known.argmax())
    hours, known = np.where(known, hours, 0.0)[first:], known[first:]
    return max([_of_blocks(hours, known, length) for length in lengths], default=0.0)


def _of_blocks(hours: Floats, known: NDArray[np.bool_], length: int) -> float:
    """Return that variance from blocks of `length` hours, 0 where too few are known; the last one ends the hours."""
    blocks = len(hours) // length
    if blocks < BLOCKS_MIN:
        return 0.0
    means = _means(hours, known, length, blocks)
    if len(means) < BLOCKS_MIN:
        return 0.0
    squares = np.sort(without_outages(means[1:] - means[:-1]) ** 2)[:-1]
    return float(length * squares.mean() / 2)


def _means(hours: Floats, known: NDArray[np.bool_], length: int, blocks: int) -> Floats:
    """Return the means of those of the last `blocks` blocks of which at least half of the hours are known."""
    if length == 1:
        return hours[known]
    first = len(hours) - blocks * length
    n = known[first:].reshape(blocks, length).sum(axis=1)
    enough = 2 * n >= length
    sums = hours[first:].reshape(blocks, length).sum(axis=1)
    return np.asarray(sums[enough] / n[enough])
