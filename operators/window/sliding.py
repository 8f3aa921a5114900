"""Sliding windows maintained from panes: add what came in, take away what fell out, never look at events again.

A window of `size` that slides by `every` is a union of hops of length `every`, and a hop is a union of panes.
The sums and histograms of the window are running totals; maxima, which cannot be taken away, are kept by
`sliding_extremes.py`.

Memory: a ring holds its hops packed (`held_hop.py`), and windows that slide by the same step hold the same ones.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints, with_rows
from operators.fast import loading
from operators.policy.policy import Policy
from operators.policy.windows import Window
from operators.window.bounds import WindowSums, all_bounds, bounded_rules
from operators.window.held_hop import PackedHop
from operators.window.hop import Hop, HopCounts, cells_of
from operators.window.looked_at import LookedAt
from operators.window.outcomes import Outcomes
from operators.window.paged import PagedHistograms
from operators.window.picked import Picked
from operators.window.ring_quantiles import ring_quantiles
from operators.window.series_index import SeriesIndex, SliceSeries
from operators.window.sliding_extremes import SlidingExtremes

# A window of up to this many series is kept for later ones with the same contents; a larger one only after a repeat.
KEPT_MAX = 1_000
HELD_MAX = 1_000  # With more slots than this, histograms hold only those that are looked at often.


class WindowCounts(msgspec.Struct, frozen=True, kw_only=True, eq=False, weakref=True):
    """What one window that ended holds: a row for each reported series with events in it.

    `names` (W), `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3), `extremes` (W, M, 2),
    `quantiles` (W, M, Q), NaN without values, or where nobody looks. `bounds` (W, 2), by name of each rule on a
    measure, are those of what it judges; infinite in other rows. `stored` are the numbers of the rows that are stored,
    None: all. `of_rules` are likewise the rows that a rule on a measure may judge, `whole` those of all traffic.
    `outcomes` are those of a tumbling window. `again` is an earlier window with the same contents, if any.
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
    of_rules: Ints | None = None
    whole: Ints | None = None
    again: "WindowCounts | None" = None


class _Ended(NamedTuple):
    """A window that ended, the reports made of it, and which of its `rows` are stored for them."""

    reports: tuple[bool, ...]
    rows: bytes
    counts: WindowCounts

    def again(self, end_ms: int) -> WindowCounts:
        """Return the window that ends at another time with the same contents."""
        return msgspec.structs.replace(self.counts, end_ms=end_ms, again=self.counts)


class RunningWindow:
    """The running totals of one window, by slot, and its ring of hops, oldest first."""

    def __init__(self, window: Window, policy: Policy) -> None:
        self.window, self.size = window, window.size_ms // window.every_ms  # In hops.
        self.measures = len(policy.measures)
        self._policy, self._rules = policy, bounded_rules(policy, window)
        self._looked_at = LookedAt(window, policy, self._rules)
        self.ring: deque[tuple[int, PackedHop]] = deque()
        self.events: Ints = np.zeros(0, np.int64)
        self.slis: Ints = np.zeros((0, len(policy.slis), 3), np.int64)
        self.sums: Ints = np.zeros((0, self.measures, 3), np.int64)
        self.histograms = PagedHistograms(self.measures)
        self.extremes = SlidingExtremes(self.measures)
        # The last window made: until something enters or leaves, the next ones have the same contents.
        self._last: _Ended | None = None
        self._moved = True
        self._grains: Ints = np.zeros(0, np.int64)
        self._holds_all = True

    @property
    def held(self) -> list[NDArray[np.int32]]:
        """The slots of the window's hops."""
        return [hop.slots for _, hop in self.ring]

    def push(self, number: int, hop: Hop, held: PackedHop, grains: Ints) -> None:
        """Take the next hop, and its counts packed; `grains` (slots,) are the grain numbers of the slots."""
        self._grains = grains
        if self._holds_all and len(grains) > HELD_MAX:
            self._hold(all_slots=False)
        self.ring.append((number, held))
        self._count(hop.counts, 1)
        self.extremes.push(held.slots, hop.extremes)

    def drop_before(self, number: int) -> None:
        """Take away the hops that have fallen out of the window."""
        if self.ring and self.ring[-1][0] < number:
            self._clear()
        while self.ring and self.ring[0][0] < number:
            for counts in self.ring.popleft()[1].counts():
                self._count(counts, -1)
            self.extremes.drop()

    def renumber(self, new_slot: Ints, kept: Ints) -> None:
        """Renumber the slots: `new_slot` (old slots,) maps old slots to new ones, `kept` (new slots,) new to old."""
        self._reserve(int(kept.max(initial=-1)) + 1)
        self.events, self.slis, self.sums = self.events[kept], self.slis[kept], self.sums[kept]
        self.extremes.renumber(new_slot, kept)
        self._grains = self._grains[kept[: kept.searchsorted(len(self._grains))]]
        self._forget_last()
        self.ring = deque((number, each.renumbered(new_slot)) for number, each in self.ring)
        self._hold(all_slots=len(kept) <= HELD_MAX)

    def _hold(self, *, all_slots: bool) -> None:
        """Build new histograms, of all slots or only of those that are looked at often."""
        self._holds_all, self.histograms = all_slots, PagedHistograms(self.measures)
        for _, each in self.ring:
            for counts in each.counts():
                self.histograms.add_cells(self._held_cells(counts), counts.slots)

    def counts(
        self, end_ms: int, slots: SeriesIndex, quantiles: Sequence[float], *, whole: bool
    ) -> WindowCounts | None:
        """Return the window as it stands, None if it is empty; `whole`: all of its rows are stored."""
        if not self.ring:
            return None
        reports = *self._looked_at.reports(end_ms), whole
        if self._last is not None and reports == self._last.reports:
            return self._last.again(end_ms)
        (held,) = self.events.nonzero()
        if not len(held):
            return None
        moved, self._moved = self._moved, False
        grains = slots.grain_numbers()[held]
        stored, of_rules = self._looked_at.stored(reports[:-1], grains) | whole, self._looked_at.of_rules(grains)
        rows = stored.tobytes()
        if self._last is not None and rows == self._last.rows:
            return self._last.again(end_ms)
        extremes, values = self._looked_at_values(held, stored | of_rules, quantiles)
        counts = WindowCounts(
            window=self.window,
            end_ms=end_ms,
            names=Picked(slots.names, held),
            events=self.events[held],
            slis=self.slis[held],
            sums=self.sums[held],
            extremes=extremes,
            quantiles=values,
            bounds=self._bounds(held, of_rules.nonzero()[0]) if self._rules else {},
            stored=stored.nonzero()[0],
            of_rules=of_rules.nonzero()[0],
            whole=self._looked_at.whole(grains).nonzero()[0],
        )
        self._last = None if moved and len(held) > KEPT_MAX else _Ended(reports, rows, counts)
        return counts

    def _looked_at_values(
        self, held: Ints, looked_at: NDArray[np.bool_], quantiles: Sequence[float]
    ) -> tuple[Floats, Floats]:
        """Return extremes and quantiles of the slots in `held`, where somebody looks at them."""
        if looked_at.all():
            extremes = self.extremes.of(held)
            return extremes, self._quantiles(held, extremes, quantiles)
        rows = np.flatnonzero(looked_at)
        extremes = np.full((len(held), self.measures, 2), -np.inf)
        extremes[rows] = self.extremes.of(held[rows])
        values = np.full((len(held), self.measures, len(quantiles)), np.nan)
        values[rows] = self._quantiles(held[rows], extremes[rows], quantiles)
        return extremes, values

    def _quantiles(self, slots: Ints, extremes: Floats, quantiles: Sequence[float]) -> Floats:
        return within(self._values(slots, quantiles), extremes)

    def _values(self, slots: Ints, quantiles: Sequence[float]) -> Floats:
        """Return quantiles of rising slots: from histograms where these hold them, else straight from the ring."""
        often = self._are_held(slots)
        if often.all():
            return self.histograms.quantiles(slots, self.measures, quantiles)
        values = np.empty((len(slots), self.measures, len(quantiles)))
        values[often] = self.histograms.quantiles(slots[often], self.measures, quantiles)
        values[~often] = ring_quantiles([hop for _, hop in self.ring], slots[~often], self.measures, quantiles)
        return values

    def _bounds(self, held: Ints, rows: Ints) -> dict[str, Floats]:
        slots = held[rows]
        sums = WindowSums(self.histograms, slots, self.sums[slots], self.slis[slots], self.events[slots])
        return bounds_in(len(held), rows, all_bounds(self._rules, self._policy, sums))

    def _forget_last(self) -> None:
        self._last, self._moved = None, True

    def _clear(self) -> None:
        self._forget_last()
        self.ring.clear()
        for totals in (self.events, self.slis, self.sums):
            totals[:] = 0
        self.histograms.clear()
        self.extremes.clear()

    def _count(self, hop: HopCounts, sign: int) -> None:
        self._forget_last()
        self._reserve(int(hop.slots[-1]) + 1)
        kernels = loading.kernels()
        for totals, own in ((self.events, hop.events), (self.slis, hop.slis), (self.sums, hop.sums)):
            if kernels is not None:
                kernels.counted_slots(hop.slots, own, totals, sign)
            else:
                totals[hop.slots] += sign * own
        self.histograms.add_cells(self._held_cells(hop), hop.slots, sign)

    def _are_held(self, slots: Ints) -> NDArray[np.bool_]:
        """Return which slots histograms hold: of many series only those that are looked at often, which are few."""
        return np.ones(len(slots), bool) if self._holds_all else self._looked_at.often(self._grains[slots])

    def _held_cells(self, hop: HopCounts) -> Ints:
        return hop.cells if self._holds_all else cells_of(hop, self._are_held(hop.slots).nonzero()[0])

    def _reserve(self, slots: int) -> None:
        if slots > len(self.events):
            room = max(slots, 2 * len(self.events))
            self.events, self.slis, self.sums = (with_rows(each, room) for each in (self.events, self.slis, self.sums))


def within(values: Floats, extremes: Floats) -> Floats:
    """Clip quantiles (W, M, Q) to the extremes, in place: a bucket's value may lie up to 1 % outside; return them."""
    np.maximum(values, -extremes[:, :, :1], out=values)
    return np.minimum(values, extremes[:, :, 1:], out=values)


def bounds_in(held: int, rows: Ints, bounds: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return bounds of some rows as bounds of all `held` rows, infinite for the others."""
    found = {name: np.tile([-np.inf, np.inf], (held, 1)) for name in bounds}
    for name, own in bounds.items():
        found[name][rows] = own
    return found
