"""Panes in which every series has a place or finds one: events are noted in arrays and put into the limits later.

What a limit decides depends on which names have a place and on the weights, and changes only when a name finds no
room or weights are halved (`admitted.py`). Until then events of names with places are added up by series number, and
the limits' own tables of names are left alone; once everything is put into them they hold the same. State: 17 bytes
for each of the finest series.
"""

import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.window.admitted import HALF_MS
from operators.window.folded import Folded
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries
from operators.window.limits import Limits
from operators.window.partial import Partial
from operators.window.watermark import NEVER

FEW = 8  # Up to this many rows of a pane, a loop is faster than arrays.


class Admission:
    """Folds closing panes by the limits; call `settle` before reading or changing these."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._halving = NEVER  # The number of the halving that the weights of the noted events belong to.
        self._begin(LeafIndex())

    def fold(
        self, whole: Partial, shard: int, pane: int, policy: Policy
    ) -> tuple[dict[LeafSeries, LeafSeries], list[Folded]]:
        """Return what `Limits.fold` does."""
        halving = pane * policy.pane_ms // HALF_MS
        series = whole.series if isinstance(whole.series, NumberedSeries) else LeafIndex().numbered(whole.series)
        if halving != self._halving or series.leaves is not self._leaves:
            self.settle()
            self._halving = halving
        if series.leaves is not self._leaves:
            self._begin(series.leaves)
        self._reserve(len(series.leaves))
        noted = self._noted_singly if whole.rows <= FEW else self._noted
        if noted(whole, series, pane, policy):
            return {}, []
        self.settle()
        homes, folded, lost = self._limits.fold(whole, shard, pane, policy)
        if lost:
            self._placed[:] = False
        rows, _ = _counts(whole, series)
        placed = [name not in homes for name in self._leaves.chosen(rows)]
        self._placed[rows] = placed
        return homes, folded

    def _noted_singly(self, whole: Partial, series: NumberedSeries, pane: int, policy: Policy) -> bool:
        """Put the events of a pane of few rows into the limits and return True, if all its series have a place."""
        rows, events = series.rows[whole.which].tolist(), whole.events.tolist()
        came = [(row, count) for row, count in zip(rows, events, strict=True) if count]
        if not came or not all(self._placed[row] for row, _ in came):
            return False
        self._limits.note([(self._leaves.names[row], count, pane) for row, count in came], self._halving)
        return True

    def _noted(self, whole: Partial, series: NumberedSeries, pane: int, policy: Policy) -> bool:
        """Note the events of a pane and return True, if all its series have a place or find room."""
        rows, counts = _counts(whole, series)
        new = ~self._placed[rows]
        if new.any():
            names = self._leaves.chosen(rows[new])
            if not self._limits.place(dict(zip(names, counts[new].tolist(), strict=True)), pane, policy):
                return False
            self._placed[rows[new]] = True
            rows, counts = rows[~new], counts[~new]
        self._events[rows] += counts
        self._last[rows] = pane
        self._settled = False
        return True

    def settle(self) -> None:
        """Put the noted events into the limits."""
        if self._settled:
            return
        rows = np.flatnonzero(self._events)
        noted = zip(self._leaves.chosen(rows), self._events[rows].tolist(), self._last[rows].tolist(), strict=True)
        self._limits.note(noted, self._halving)
        self._events[rows] = 0
        self._settled = True

    def forget(self) -> None:
        """Look up places anew: a series may have lost its own."""
        self._placed[:] = False

    def _begin(self, leaves: LeafIndex) -> None:
        """Begin empty, with the series numbers of another index."""
        self._leaves = leaves
        self._placed = np.zeros(0, bool)
        self._events: Ints = np.zeros(0, np.int64)
        self._last: Ints = np.zeros(0, np.int64)
        self._settled = True

    def _reserve(self, rows: int) -> None:
        """Make room for series numbers below `rows`."""
        if rows <= len(self._placed):
            return
        more = np.zeros(max(rows, 2 * len(self._placed)) - len(self._placed), np.int64)
        self._placed = np.concatenate((self._placed, more > 0))
        self._events, self._last = np.concatenate((self._events, more)), np.concatenate((self._last, more))


def _counts(whole: Partial, series: NumberedSeries) -> tuple[Ints, Ints]:
    """Return the numbers of the series that have events, and how many."""
    totals = np.bincount(whole.which, weights=whole.events, minlength=len(series)).astype(np.int64)
    return series.rows[totals > 0], totals[totals > 0]
