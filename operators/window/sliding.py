"""Sliding windows maintained from panes: add what came in, take away what fell out, never look at events again.

A window of `size` that slides by `every` is a union of hops of length `every`, and a hop is a union of panes.
The sums and histograms of the window are running totals; maxima cannot be taken away, so they are folded anew
over the ring of hops. A tumbling window is the case size == every.

Memory: a ring holds its hops packed (`held_hop.py`), and windows that slide by the same step hold the same ones.
"""

from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy, Window
from operators.window.bounds import WindowSums, all_bounds, bounded_rules
from operators.window.held_hop import HeldHop
from operators.window.hop import Hop
from operators.window.looked_at import LookedAt
from operators.window.outcomes import Outcomes
from operators.window.paged import PagedHistograms
from operators.window.series_index import SeriesIndex, SliceSeries

# A window of so many series is kept for the next ones that hold the same; of more, once one did.
KEPT_MAX = 1_000


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True, eq=False, weakref=True):
    """What one window that ended holds: a row for each reported series with events in it.

    `names` (W), `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3), `extremes` (W, M, 2),
    `quantiles` (W, M, Q), NaN without values, or where nobody looks. `bounds` (W, 2) are of what each rule on a measure
    judges, by its name; infinite of other rows. `stored` are the numbers of the rows that are stored, None: all.
    `outcomes` are those of a tumbling window. `again` is the one that ended before with the same in it, if any.
    """

    window: Window
    end_ms: int
    names: Sequence[SliceSeries]
    events: Ints
    slis: Ints
    sums: Ints
    extremes: Floats
    quantiles: Floats
    bounds: dict[str, Floats] = {}
    outcomes: Outcomes | None = None
    stored: Ints | None = None
    again: "WindowCounts | None" = None


class RunningWindow:
    """The running totals of one window, by slot, and its ring of hops, oldest first."""

    def __init__(self, window: Window, policy: Policy) -> None:
        self.window = window
        self.measures = len(policy.measures)
        self._policy, self._rules = policy, bounded_rules(policy, window)
        self._looked_at = LookedAt(window, policy, self._rules)
        self.ring: deque[tuple[int, HeldHop]] = deque()
        self.events: Ints = np.zeros(0, np.int64)
        self.slis: Ints = np.zeros((0, len(policy.slis), 3), np.int64)
        self.sums: Ints = np.zeros((0, self.measures, 3), np.int64)
        self.histograms = PagedHistograms(self.measures)
        # The last window that ended with nothing new in it: until something comes or goes the next ones hold the same.
        self._last: tuple[bytes, WindowCounts] | None = None
        self._moved = True

    def push(self, number: int, hop: Hop, packed: HeldHop) -> None:
        """Take the next hop, and the same one as it is held."""
        self.ring.append((number, packed))
        self._count(hop, 1)

    def drop_before(self, number: int) -> None:
        """Take away the hops that have fallen out of the window."""
        if self.ring and self.ring[-1][0] < number:
            self._clear()
        while self.ring and self.ring[0][0] < number:
            self._count(self.ring.popleft()[1].hop(), -1)

    def renumber(self, new_slot: Ints) -> None:
        """Go over to other slots: `new_slot` (old slots,) says which."""
        ring = [(number, each.renumbered(new_slot)) for number, each in self.ring]
        self.events, self.slis, self.sums = self.events[:0], self.slis[:0], self.sums[:0]
        self.ring.clear()
        self._forget_last()
        self.histograms = PagedHistograms(self.measures)
        for number, each in ring:
            self.push(number, each.hop(), each)

    def counts(
        self, end_ms: int, slots: SeriesIndex, quantiles: Sequence[float], *, whole: bool
    ) -> WindowCounts | None:
        """Return the window as it stands, None when nothing is in it; `whole`: all of its rows are stored."""
        if not self.ring:
            return None
        held = np.flatnonzero(self.events)
        if not len(held):
            return None
        moved, self._moved = self._moved, False
        grains = slots.grain_numbers()[held]
        stored, of_rules = self._looked_at.stored(end_ms, grains) | whole, self._looked_at.of_rules(grains)
        rows = stored.tobytes()
        if self._last is not None and self._last[0] == rows:
            return msgspec.structs.replace(self._last[1], end_ms=end_ms, again=self._last[1])
        looked_at = np.flatnonzero(stored | of_rules)
        extremes = np.full((len(held), self.measures, 2), -np.inf)
        extremes[looked_at] = self._extremes(held[looked_at])
        values = np.full((len(held), self.measures, len(quantiles)), np.nan)
        values[looked_at] = self._quantiles(held[looked_at], extremes[looked_at], quantiles)
        counts = WindowCounts(
            window=self.window,
            end_ms=end_ms,
            names=[slots.names[slot] for slot in held.tolist()],
            events=self.events[held],
            slis=self.slis[held],
            sums=self.sums[held],
            extremes=extremes,
            quantiles=values,
            bounds=self._bounds(held, np.flatnonzero(of_rules)),
            stored=np.flatnonzero(stored),
        )
        self._last = None if moved and len(held) > KEPT_MAX else (rows, counts)
        return counts

    def _quantiles(self, slots: Ints, extremes: Floats, quantiles: Sequence[float]) -> Floats:
        values = self.histograms.quantiles(slots, self.measures, quantiles)
        # A bucket's value may lie up to 1 % outside of what was seen.
        return np.clip(values, -extremes[:, :, :1], extremes[:, :, 1:], out=values)

    def _bounds(self, held: Ints, rows: Ints) -> dict[str, Floats]:
        slots = held[rows]
        sums = WindowSums(self.histograms, slots, self.sums[slots], self.slis[slots], self.events[slots])
        found = {name: np.tile([-np.inf, np.inf], (len(held), 1)) for name in (rule.name for rule in self._rules)}
        for name, bounds in all_bounds(self._rules, self._policy, sums).items():
            found[name][rows] = bounds
        return found

    def _forget_last(self) -> None:
        self._last, self._moved = None, True

    def _clear(self) -> None:
        self._forget_last()
        self.ring.clear()
        for totals in (self.events, self.slis, self.sums):
            totals[:] = 0
        self.histograms.clear()

    def _count(self, hop: Hop, sign: int) -> None:
        self._forget_last()
        self._reserve(int(hop.slots.max()) + 1)
        self.events[hop.slots] += sign * hop.events
        self.slis[hop.slots] += sign * hop.slis
        self.sums[hop.slots] += sign * hop.sums
        self.histograms.add(hop.cell_slots, hop.cell_measures, hop.cell_codes, hop.cell_counts, sign)

    def _extremes(self, slots: Ints) -> Floats:
        """Return the extremes of these slots, (slots, M, 2)."""
        extremes = np.full((len(slots), self.measures, 2), -np.inf)
        row_of = np.full(len(self.events), -1)
        row_of[slots] = np.arange(len(slots))
        for _, hop in self.ring if len(slots) else ():
            rows = row_of[hop.slots]
            own = np.flatnonzero(rows >= 0)
            extremes[rows[own]] = np.maximum(extremes[rows[own]], hop.extremes[own])
        return extremes

    def _reserve(self, slots: int) -> None:
        if slots > len(self.events):
            more = max(slots, 2 * len(self.events)) - len(self.events)
            self.events = np.pad(self.events, (0, more))
            self.slis = np.pad(self.slis, ((0, more), (0, 0), (0, 0)))
            self.sums = np.pad(self.sums, ((0, more), (0, 0), (0, 0)))
