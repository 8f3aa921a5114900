"""Tumbling windows, each of one hop: nothing is carried over, and those that end close together count at once."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.policy.windows import Window
from operators.window.bounds import WindowSums, all_bounds, bounded_rules
from operators.window.cell_quantiles import cell_quantiles
from operators.window.hop import HopCounts, cells_of
from operators.window.hops import TakenHop
from operators.window.looked_at import Flags, LookedAt
from operators.window.outcomes import outcomes_of
from operators.window.paged import PagedHistograms
from operators.window.picked import Picked
from operators.window.rolled_hops import EndedHop, RolledHops
from operators.window.series_index import SeriesIndex
from operators.window.sliding import WindowCounts, bounds_in, within


class _Values(NamedTuple):
    """The values of the rows that are looked at, as in `WindowCounts`."""

    extremes: Floats
    quantiles: Floats
    bounds: dict[str, Floats]


class TumblingWindow:
    """Counts the windows of one length; keeps only the pages of its histograms, for reuse."""

    def __init__(self, window: Window, policy: Policy) -> None:
        self.window = window
        self.histograms = PagedHistograms(len(policy.measures))
        self._policy, self._rules = policy, bounded_rules(policy, window)
        self._looked_at = LookedAt(window, policy, self._rules)
        self._ended: tuple[RolledHops, list[WindowCounts | None]] | None = None
        self.held: list[Ints] = []  # Slots of the hops that were counted last.

    def renumber(self, new_slot: Ints, _kept: Ints) -> None:
        """Renumber the slots: `new_slot` (old slots,) maps old slots to new ones."""
        self.held = [new_slot[slots] for slots in self.held]
        self.histograms = PagedHistograms(self.histograms.measures)

    def counts(self, hop: TakenHop, slots: SeriesIndex, quantiles: Sequence[float]) -> WindowCounts | None:
        """Return the window of a hop, None without events; all hops rolled up with it are counted at once."""
        rolled = hop.rolled
        if rolled is None:
            return None
        ended = None if self._ended is None or self._ended[0] is not rolled else self._ended[1]
        if ended is None:
            ended, self.held = self._counts(rolled, slots, quantiles), [rolled.hop.counts.slots]
        self._ended = None if hop.at == len(ended) - 1 else (rolled, ended)
        return ended[hop.at]

    def _counts(self, rolled: RolledHops, slots: SeriesIndex, quantiles: Sequence[float]) -> list[WindowCounts | None]:
        counts, (held,) = rolled.hop.counts, rolled.hop.counts.events.nonzero()
        own = counts.slots[held]
        grains = slots.grain_numbers()[own]
        stored, of_rules = self._stored(rolled, held, grains), self._looked_at.of_rules(grains)
        whole = self._looked_at.whole(grains)
        values = self._values(rolled, held, (stored | of_rules).nonzero()[0], of_rules.nonzero()[0], quantiles)
        events, slis, sums = counts.events[held], counts.slis[held], counts.sums[held]
        outcomes = outcomes_of(rolled, slots)
        return [
            WindowCounts(
                window=self.window,
                end_ms=self._end_ms(hop),
                names=Picked(slots.names, own[first:last]),
                events=events[first:last],
                slis=slis[first:last],
                sums=sums[first:last],
                extremes=values.extremes[first:last],
                quantiles=values.quantiles[first:last],
                bounds={name: bounds[first:last] for name, bounds in values.bounds.items()},
                outcomes=of_hop,
                stored=stored[first:last].nonzero()[0],
                of_rules=of_rules[first:last].nonzero()[0],
                whole=whole[first:last].nonzero()[0],
            )
            if first < last
            else None
            for hop, of_hop, (first, last) in zip(
                rolled.ended, outcomes, pairwise(held.searchsorted(rolled.edges).tolist()), strict=True
            )
        ]

    def _end_ms(self, hop: EndedHop) -> int:
        return (hop.number + 1) * self.window.size_ms

    def _stored(self, rolled: RolledHops, held: Ints, grains: Ints) -> Flags:
        """Return which of the `held` rows of the hops are stored."""
        of, reports = rolled.of[held], [self._looked_at.reports(self._end_ms(hop)) for hop in rolled.ended]
        stored = np.array([hop.whole for hop in rolled.ended])[of]
        for made in set(reports):
            stored |= self._looked_at.stored(made, grains) & np.array([each == made for each in reports])[of]
        return stored

    def _values(
        self, rolled: RolledHops, held: Ints, looked_at: Ints, of_rules: Ints, quantiles: Sequence[float]
    ) -> _Values:
        """Return the values of the rows that are looked at; `held` are the rows of hops in question."""
        counts, rows = rolled.hop.counts, held[looked_at]
        extremes = np.full((len(held), *rolled.hop.extremes.shape[1:]), -np.inf)
        extremes[looked_at] = rolled.hop.extremes[rows]
        values = np.full((len(held), extremes.shape[1], len(quantiles)), np.nan)
        values[looked_at] = within(cell_quantiles(counts, rows, quantiles), extremes[looked_at])
        if not self._rules:
            return _Values(extremes, values, {})
        rows = held[of_rules]
        histograms, places = self._histograms(rolled, rows)
        sums = WindowSums(histograms, places[rows], counts.sums[rows], counts.slis[rows], counts.events[rows])
        return _Values(extremes, values, bounds_in(len(held), of_rules, all_bounds(self._rules, self._policy, sums)))

    def _histograms(self, rolled: RolledHops, rows: Ints) -> tuple[PagedHistograms, Ints]:
        """Return histograms of these rising rows of hops, and the places (W,) of the rows in them.

        Rows that no rule judges are left out: they are most. A single hop keeps its slots, so that pages are reused.
        """
        counts: HopCounts = rolled.hop.counts
        if len(rolled.edges) == 2:
            histograms, places = self.histograms, counts.slots
            histograms.clear()
        else:
            histograms, places = PagedHistograms(self.histograms.measures), np.arange(len(counts.slots))
        histograms.add_cells(cells_of(counts, rows), places)
        return histograms, places
