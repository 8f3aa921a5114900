"""What threshold rules keep of each series, and how a pane changes it, for one rule or several on the same sums.

`kept`, (slots,) or (rules, slots), are rows of `SeriesState`; `totals` (slots, 2) are good and bad of the window that
all of them are about. So a hundred targets of one SLI cost as many NumPy calls as one.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.rules.series_state import BAD, INSUFFICIENT, OK, Flags
from operators.stats.binomial_tails import surely_above, surely_bad

# By slot: panes that were below, the first of them, good and bad since the last of them.
FIELDS = [("run", "i8"), ("since", "i8"), ("after", "i8", (2,)), ("below", "?"), ("well", "?")]
Kept = NDArray[Any]
OK8, INSUFFICIENT8 = np.int8(OK), np.int8(INSUFFICIENT)  # In the type of stored words.


class ThresholdLimits(NamedTuple):
    """The limits of rules: for one rule a number or (slots,), for several (rules, 1).

    `target` and `confidence` are the rule's; windows with fewer events than `thin` are never below, with fewer than
    `well` never well; `run` is how many panes a window has to be below.
    """

    target: Floats | float
    confidence: Floats | float
    thin: Ints | int
    well: Ints | int
    run: Ints | int

    def at(self, slots: Ints) -> Floats | float:
        """Return the targets of some slots: one each where the rule has several."""
        target = self.target
        return target[slots] if isinstance(target, np.ndarray) and target.ndim == 1 else target


def compare(slots: Ints, totals: Ints, limits: ThresholdLimits) -> tuple[Flags, Flags]:
    """Return where the windows of some slots are below their targets, and where they are well, each (..., K)."""
    good, bad = totals.take(slots, axis=0).T
    n = good + bad
    target = limits.at(slots)
    return surely_bad(good, n, target, limits.confidence), surely_above(good, n, target, limits.confidence)


def count_time(kept: Kept, totals: Ints, limits: ThresholdLimits, pane: int) -> None:
    """Count the panes that have been below."""
    below, run = kept["below"], kept["run"]
    if not (below | (run != 0)).any():
        return
    kept["since"][below & (run == 0)] = pane
    kept["after"][below] = 0
    kept["run"] = np.where(below, run + 1, np.where(totals[:, 0] + totals[:, 1] < limits.thin, run, 0))


def count_since(kept: Kept, slots: Ints, came: Ints) -> None:
    """Add what came in, (K, 2), to series that are BAD though their window is no longer below."""
    bad = kept["word"][..., slots] == BAD
    if not bad.any():
        return
    *rules, rows = np.nonzero(bad & ~kept["below"][..., slots])
    if len(rows):
        kept["after"][*rules, slots[rows]] += came[rows]


def threshold_words(kept: Kept, totals: Ints, limits: ThresholdLimits) -> NDArray[np.int8]:
    """Return the present word of each series, shaped like `kept`."""
    was, well = kept["word"], kept["well"]
    word = np.where(well, OK8, INSUFFICIENT8)
    unsure = (was == OK) & ~well
    if unsure.any():
        good, n = totals[:, 0], totals[:, 0] + totals[:, 1]
        word[unsure & (n >= limits.well) & (good >= limits.target * n)] = OK
    if (below := kept["below"]).any():
        word[below & (kept["run"] >= limits.run)] = BAD
    bad = ((was == BAD) & ~well).nonzero()
    if len(bad[0]):
        # Whether the events since the window was last below are well, all together.
        after = kept["after"][bad]
        target, confidence = (np.broadcast_to(each, was.shape)[bad] for each in (limits.target, limits.confidence))
        word[bad] = np.where(surely_above(after[:, 0], after.sum(axis=1), target, confidence), OK, BAD)
    return word


def stays(kept: Kept, totals: Ints, limits: ThresholdLimits) -> Flags:
    """Return the rules, (1,) or (rules,), for which an empty pane would change nothing."""
    # A word that rests only on sums that do not change follows from them again.
    timed = kept["below"] | (kept["run"] != 0) | ((kept["word"] != INSUFFICIENT) & ~kept["well"])
    if not timed.any():
        return np.ones(kept.shape[0] if kept.ndim == 2 else 1, bool)
    thin = totals[:, 0] + totals[:, 1] < limits.thin
    moves = kept["below"] | ((kept["run"] * ~thin) != 0) | (threshold_words(kept, totals, limits) != kept["word"])
    return np.atleast_1d(~moves.any(axis=-1))
