"""Sliding windows maintained from panes: add what came in, take away what fell out, never look at events again.

A window of `size` that slides by `every` is a union of hops of length `every`, and a hop is a union of panes.
The sums and histograms of the window are running totals; maxima cannot be taken away, so they are folded anew
over the ring of hops. A tumbling window is the case size == every.

Memory: a ring holds, per hop and finest series with events, 8 bytes a sum and 16 a histogram cell.
"""

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.policy import Policy, Window
from operators.window.paged import PagedHistograms
from operators.window.partial import Floats, Ints, Partial, cell_rows
from operators.window.slots import Reported, Slots


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One hop rolled up: counts of each slot that had events, and the cells of the finest series.

    `parents` (R, grains) are the slots of finest row r; `slots` (W,) the distinct ones, in order, with
    `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3), `extremes` (W, M, 2).
    """

    part: Partial
    parents: Ints
    slots: Ints
    events: Ints
    slis: Ints
    sums: Ints
    extremes: Floats


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What one window that ended holds: a row for each reported series with events in it.

    `names` (W), `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3), `extremes` (W, M, 2),
    `quantiles` (W, M, Q), NaN without values.
    """

    window: Window
    end_ms: int
    names: Sequence[Reported]
    events: Ints
    slis: Ints
    sums: Ints
    extremes: Floats
    quantiles: Floats


def roll_up(part: Partial, slots: Slots) -> Hop:
    """Add the finest series of a hop up to every reported slice."""
    parents = slots.parents(part.series)[part.which]
    flat = parents.ravel()
    rows = np.repeat(np.arange(part.rows), parents.shape[1])
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    source = rows[order]
    return Hop(
        part=part,
        parents=parents,
        slots=ordered[starts],
        events=np.add.reduceat(part.events[source], starts),
        slis=np.add.reduceat(part.slis[source], starts, axis=0),
        sums=np.add.reduceat(part.sums[source], starts, axis=0),
        extremes=np.maximum.reduceat(part.extremes[source], starts, axis=0),
    )


class RunningWindow:
    """The running totals of one window, by slot, and its ring of hops, oldest first."""

    def __init__(self, window: Window, policy: Policy) -> None:
        self.window = window
        self.measures = len(policy.measures)
        self.ring: deque[tuple[int, Hop]] = deque()
        self.events: Ints = np.zeros(0, np.int64)
        self.slis: Ints = np.zeros((0, len(policy.slis), 3), np.int64)
        self.sums: Ints = np.zeros((0, self.measures, 3), np.int64)
        self.histograms = PagedHistograms()

    def push(self, number: int, hop: Hop) -> None:
        self.ring.append((number, hop))
        self._count(hop, 1)

    def drop_before(self, number: int) -> None:
        """Take away the hops that have fallen out of the window."""
        while self.ring and self.ring[0][0] < number:
            self._count(self.ring.popleft()[1], -1)

    def counts(
        self, end_ms: int, names: Sequence[Reported], quantiles: Sequence[float]
    ) -> WindowCounts | None:
        """Return the window as it stands, None when nothing is in it."""
        slots = np.flatnonzero(self.events)
        if not len(slots):
            return None
        pairs = (slots[:, None] * self.measures + np.arange(self.measures)).ravel()
        extremes = self._extremes()[slots]
        values = self.histograms.quantiles(pairs, quantiles).reshape(
            len(slots), self.measures, len(quantiles)
        )
        # A bucket's value may lie up to 1 % outside of what was seen.
        np.clip(values, -extremes[:, :, :1], extremes[:, :, 1:], out=values)
        return WindowCounts(
            window=self.window,
            end_ms=end_ms,
            names=[names[slot] for slot in slots.tolist()],
            events=self.events[slots],
            slis=self.slis[slots],
            sums=self.sums[slots],
            extremes=extremes,
            quantiles=values,
        )

    def _count(self, hop: Hop, sign: int) -> None:
        self._reserve(int(hop.slots[-1]) + 1)
        self.events[hop.slots] += sign * hop.events
        self.slis[hop.slots] += sign * hop.slis
        self.sums[hop.slots] += sign * hop.sums
        pairs, codes, counts = cell_rows(hop.part.cells)
        rows, measures = np.divmod(pairs, max(self.measures, 1))
        for grain in range(hop.parents.shape[1]):
            slots = hop.parents[rows, grain]
            self.histograms.add(slots * self.measures + measures, codes, sign * counts)

    def _extremes(self) -> Floats:
        extremes = np.full((len(self.events), self.measures, 2), -np.inf)
        for _, hop in self.ring:
            extremes[hop.slots] = np.maximum(extremes[hop.slots], hop.extremes)
        return extremes

    def _reserve(self, slots: int) -> None:
        if slots > len(self.events):
            more = max(slots, 2 * len(self.events)) - len(self.events)
            self.events = np.pad(self.events, (0, more))
            self.slis = np.pad(self.slis, ((0, more), (0, 0), (0, 0)))
            self.sums = np.pad(self.sums, ((0, more), (0, 0), (0, 0)))
