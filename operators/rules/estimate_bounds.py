"""How sure the good ratio of an SLI estimated from scores is: that depends on labels, which may be few.

The counts of such an SLI do not show what they were estimated from. Here are the bounds of the monitor `estimated`
(`stats/estimated_accuracy.py`), for a rule's window and each of its series: from the scores of the answers in it, and
from that very series' labels so far, as long as some come within `releases.known`.

The scores of answers, and what labels say, are counted in BLOCKS stretches of panes and the running one, numbered from
the epoch: that covers one window up to a twelfth more. It shows how answers are spread over scores, not how many of
them are good. Labels of the window that are surely worse than earlier labels made its scores worth leave no lower
bound, surely better ones no upper bound. Memory: 8.7 KB a slot, less where it is saved.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.rules.pane_counts import PaneCounts
from operators.rules.series_state import Flags
from operators.stats.calibration import CELLS
from operators.stats.estimated_accuracy import contradicted, estimate
from operators.window.label_cells import LABELS_MAX
from operators.window.watermark import NEVER

BLOCKS = 12


class EstimateBounds:
    """State by slot: `answers` (slots, BLOCKS + 1, CELLS), `labels` (slots, 2 * CELLS), `seen`: when the last came.

    `came` (slots, BLOCKS + 1, 2 * CELLS) are those of the labels that came with these answers.
    """

    def __init__(self, panes: int, known_panes: int) -> None:
        self.block_panes = -(-panes // BLOCKS)
        self.known_panes = known_panes
        self.block = self.pane = NEVER  # Number of the block that runs, and of the last pane.
        self.answers: NDArray[np.int32] = np.zeros((0, BLOCKS + 1, CELLS), np.int32)
        self.came: NDArray[np.int32] = np.zeros((0, BLOCKS + 1, 2 * CELLS), np.int32)
        self.labels: Ints = np.zeros((0, 2 * CELLS), np.int64)
        self.seen: Ints = np.zeros(0, np.int64)

    def grow(self, slots: int) -> None:
        more = slots - len(self.seen)
        if more > 0:
            self.answers = np.pad(self.answers, ((0, more), (0, 0), (0, 0)))
            self.came = np.pad(self.came, ((0, more), (0, 0), (0, 0)))
            self.labels = np.pad(self.labels, ((0, more), (0, 0)))
            self.seen = np.pad(self.seen, (0, more), constant_values=NEVER)

    def push(self, counts: PaneCounts, slots: Ints, rows: Ints) -> None:
        """Take the next pane: these rows of its counts are of these slots."""
        self._move(counts.pane)
        if counts.scores is None:
            return
        self.answers[slots, self.block % (BLOCKS + 1)] += counts.scores.answers[rows]
        came = counts.scores.labels[rows]
        labelled = came.any(axis=1)
        slots, came = slots[labelled], came[labelled]
        old = slots[~self._known()[slots]]
        self.labels[old], self.came[old] = 0, 0
        self.came[slots, self.block % (BLOCKS + 1)] += came
        self.labels[slots] += came
        self.seen[slots] = counts.pane
        self._fade(slots[self.labels[slots].sum(axis=1) > LABELS_MAX])

    def _fade(self, slots: Ints) -> None:
        """Halve all labels of these slots: those before the window and those in it alike.

        Each block keeps half of all labels up to its end, less half of those up to its beginning, so that rounding adds
        up to no more than one label a cell.
        """
        came = self.came[slots]
        before = np.maximum(self.labels[slots] - came.sum(axis=1), 0)
        so_far = np.concatenate((before[:, None], came), axis=1).cumsum(axis=1)
        half = so_far - so_far // 2
        self.came[slots], self.labels[slots] = np.diff(half, axis=1), half[:, -1]

    def of(self, slots: Ints, confidence: float) -> tuple[Floats, Floats]:
        """Return a lower and an upper bound of the good ratio, each (K,): 0 and 1 where nothing is known."""
        labels = np.where(self._known()[slots, None], self.labels[slots], 0)
        found = estimate(self.answers[slots].sum(axis=1), labels, confidence, np.ones(len(slots)))
        came = self.came[slots].sum(axis=1)
        found = contradicted(found, came, np.maximum(labels - came, 0), confidence)
        return np.nan_to_num(found.lower, nan=0.0), np.nan_to_num(found.upper, nan=1.0)

    def held(self) -> Flags:
        """Return by slot whether anything is known."""
        return np.asarray(self.answers.any(axis=(1, 2)) | self._known())

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ..."""
        self.answers, self.labels, self.seen = self.answers[slots], self.labels[slots], self.seen[slots]
        self.came = self.came[slots]

    def _known(self) -> Flags:
        return np.asarray(self.seen > self.pane - self.known_panes)

    def _move(self, pane: int) -> None:
        block, size = pane // self.block_panes, BLOCKS + 1
        ended = np.arange(max(self.block + 1, block - size + 1), block + 1) % size
        self.answers[:, ended] = self.came[:, ended] = 0
        self.block, self.pane = block, pane

    def __getstate__(self) -> dict[str, Any]:
        """Keep only the series of which something is known, in as few bytes as the largest count needs."""
        rows = np.flatnonzero(self.held())
        state = {name: _small(getattr(self, name)[rows]) for name in ("answers", "came", "labels")}
        return self.__dict__ | state | {"seen": (rows, self.seen[rows], len(self.seen))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        rows, seen, slots = state["seen"]
        self.answers, self.labels = np.zeros((0, BLOCKS + 1, CELLS), np.int32), np.zeros((0, 2 * CELLS), np.int64)
        self.came = np.zeros((0, BLOCKS + 1, 2 * CELLS), np.int32)
        self.seen = np.zeros(0, np.int64)
        self.grow(slots)
        self.answers[rows], self.labels[rows], self.seen[rows] = state["answers"], state["labels"], seen
        if state["came"] is not None:  # It was saved before `came` was kept: all labels came before the window.
            self.came[rows] = state["came"]


def _small(counts: NDArray[Any]) -> Any:
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def estimate_bounds_of(policy: Policy, sli: int, window_ms: int) -> EstimateBounds | None:
    """Return the estimate's bounds for a rule on an SLI, by its number, over a window; None if it is not estimated."""
    if policy.slis[sli].estimated_from is None:
        return None
    return EstimateBounds(window_ms // policy.pane_ms, policy.releases.known_ms // policy.pane_ms)


def sure_of_estimate(
    bounds: EstimateBounds, slots: Ints, limit: Floats | float, confidence: float, found: tuple[Flags, Flags]
) -> tuple[Flags, Flags]:
    """Return of which slots (K,) the good ratio is below a limit, and above it, by counts (`found`) and bounds."""
    below, above = (each.copy() for each in found)
    limits = np.broadcast_to(limit, len(slots))
    close = np.flatnonzero(below | above)
    lower, upper = bounds.of(slots[close], confidence)
    below[close] &= upper < limits[close]
    above[close] &= lower > limits[close]
    return below, above


def with_estimate_bounds(
    bounds: EstimateBounds, slots: Ints, confidence: float, measured: list[dict[str, Any]], *, of_bad: bool = False
) -> list[dict[str, Any]]:
    """Return values with bounds by counts (`bounded`), each as wide at least as the estimate's."""
    lower, upper = bounds.of(slots, confidence)
    if of_bad:
        lower, upper = 1.0 - upper, 1.0 - lower
    ends = zip(measured, lower.tolist(), upper.tolist(), strict=True)
    return [
        each | {"lower": min(each["lower"], low), "upper": max(each["upper"], high)} if each else each
        for each, low, high in ends
    ]
