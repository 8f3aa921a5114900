"""Is the present level of a series one that it did not have lately?

A detector that says that a mean has changed is right, but levels of real series change all the time, and come back.
People should hear only of a level that is new. So the mean of the last hours, one hour to a week, is compared with
earlier blocks of as many hours, from up to four weeks: it is new where it lies outside the interval that holds one more
block with a probability of 1 - 2 LEVEL, by Student's t with one degree of freedom less than there are blocks (G. Hahn,
W. Meeker (1991), "Statistical Intervals", section 4.4). Blocks as long as the change include its autocorrelation,
whatever that is (batch means), and a level that came back is not new. A few blocks that are far off all others count
for no more than three times the next one (`outages.py`): an hour's outage does not hide changes of the weeks after it.

Where a series had two levels, that interval is wide, and hides a third. So a level is also new where it lies outside
all blocks by more than the same interval allows between a block and the one before it.

A new level must also last: the mean of the last hour has half of the move or more, and so have the last two, and so on.
So a burst that is over is not found again by longer blocks.
"""

import msgspec
import numpy as np

from operators.arrays import Floats
from operators.drift.detectors.outages import without_outages
from operators.stats.distributions import student_quantile

LENGTHS = (1, 2, 3, 6, 12, 24, 48, 96, 168)  # Hours of a block.
BLOCKS_MIN = 5  # Earlier blocks of each length.
LEVEL = 1e-4  # One-sided, for each length.
STANDS = 0.5


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How far a block is from those before, signed, and the largest move that is not news; in the hours' unit."""

    size: float
    limit: float

    def is_beyond(self, size: float) -> bool:
        """Tell whether the move exceeds one of that size by more than its limit, or goes the other way."""
        return self.size * size <= 0 or abs(self.size) > abs(size) + self.limit


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The hour that has not ended: its mean so far, its share of an hour, and the variance due to the missing rest."""

    mean: float
    share: float
    variance: float


def newness(hours: Floats, running: Running | None = None) -> Move | None:
    """Return the move of the shortest last block that is new; None if no block is. `hours` have NaN for none.

    >>> rng = np.random.default_rng(1)
    >>> newness(rng.normal(size=200)), newness(np.r_[rng.normal(size=200), 8.0]).size > 4
    (None, True)
    """
    levels = hours if running is None else np.append(hours, running.mean)
    for length in LENGTHS:
        if len(levels) > length and np.isfinite(levels[-1]):
            found = _of_blocks(levels, length, running)
            if found is not None:
                return found
    return None


def _of_blocks(levels: Floats, length: int, running: Running | None) -> Move | None:
    """Return the move of the last `length` hours if it is new and stands."""
    before, lacking = levels[:-length], 0.0
    weights = np.isfinite(levels[-length:]).astype(float)
    if running is not None:
        # A block of one hour is this part of an hour alone, and so is less sure.
        weights[-1], lacking = (1.0, running.variance) if length == 1 else (running.share, 0.0)
    blocks = _means(before[len(before) % length :].reshape(-1, length))
    if len(blocks) < BLOCKS_MIN or 2 * np.isfinite(levels[-length:]).sum() < length:
        return None
    blocks = without_outages(blocks)
    usual, spread = float(np.median(blocks)), float(blocks.var(ddof=1))
    size = float(np.average(np.nan_to_num(levels[-length:]), weights=weights)) - usual
    errors = student_quantile(LEVEL, len(blocks) - 1)
    # A block with fewer hours strays further.
    more = length / weights.sum() + 1 / len(blocks)
    limit = float(errors * (spread * more + lacking) ** 0.5)
    edge = float((np.sign(size) * (blocks - usual)).max())
    limit = min(limit, edge + float(errors * (_steps(blocks) * more + lacking) ** 0.5))
    if abs(size) <= limit or not _stands(levels, length, usual, size):
        return None
    return Move(size=size, limit=limit)


def _steps(blocks: Floats) -> float:
    """Return the variance of a block from the steps between neighbouring blocks, without the two largest."""
    squares = np.sort(np.diff(blocks) ** 2)[:-2]
    return float(squares.mean() / 2)


def _stands(levels: Floats, length: int, usual: float, size: float) -> bool:
    """Tell whether every end of the block, however short, has STANDS of its move or more."""
    ends = [levels[-each:] for each in LENGTHS if each < length]
    return all(np.nanmean(end) * np.sign(size) >= usual * np.sign(size) + STANDS * abs(size) for end in ends)


def _means(blocks: Floats) -> Floats:
    """Return the means of the blocks (N, L) of which at least half of the hours are known."""
    known = np.isfinite(blocks)
    n = known.sum(axis=1)
    enough = 2 * n >= blocks.shape[1]
    return np.asarray(np.where(known, blocks, 0.0).sum(axis=1)[enough] / n[enough])
