"""Hops of one length that end soon after each other, rolled up at once: a hop of few rows costs little but arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.window.hop import Hop, roll_up, rows_between
from operators.window.leaf_index import NumberedSeries, united
from operators.window.partial import Partial, cell_width
from operators.window.series_index import NOWHERE, Rollup, SeriesIndex, rollup


class EndedHop(NamedTuple):
    """A hop with events that ended: its `number`, its panes, and whether windows that end with it are stored whole."""

    number: int
    parts: Sequence[Partial]
    whole: bool


class RolledHops(NamedTuple):
    """K hops that `ended`, one after the other, rolled up: `hop` has a row for each hop and slot, in this order.

    `part` are their panes, `parents` (rows, grains) the slots that its rows count into, and `sums` how they add up: by
    slot, plus the number of slots for each earlier hop. `of` (W,) is the hop of each row of `hop`; the rows of each hop
    begin and end at `edges` (K + 1,).
    """

    ended: Sequence[EndedHop]
    part: Partial
    parents: Ints
    sums: Rollup
    hop: Hop
    of: Ints
    edges: Sequence[int]

    def alone(self, number: int) -> Hop:
        """Return one of the hops, by its number among these."""
        if len(self.edges) == 2:
            return self.hop
        first, last = self.edges[number : number + 2]
        return Hop(counts=rows_between(self.hop.counts, first, last), extremes=self.hop.extremes[first:last])


def rolled_hops(ended: Sequence[EndedHop], parts: Sequence[Partial], slots: SeriesIndex) -> RolledHops:
    """Return hops rolled up; `parts` are the merged panes of each, in which each row is another series."""
    every = tuple(ended)
    part = parts[0] if len(parts) == 1 else _stacked(parts)
    if len(parts) == 1:
        parents, sums = slots.rollup_of(part.series, part.which)
        of, edges = np.zeros_like(sums.slots), [0, len(sums.slots)]
        return RolledHops(every, part, parents, sums, roll_up(part, sums), of, edges)
    parents = slots.parents(part.series)[part.which]
    size = len(slots.names)
    parents = np.where(parents == NOWHERE, NOWHERE, parents + part.pane[:, None] * size)
    sums = rollup(parents)
    of, own = np.divmod(sums.slots, size)
    rolled = roll_up(part, sums)
    hop = Hop(counts=msgspec.structs.replace(rolled.counts, slots=own), extremes=rolled.extremes)
    return RolledHops(every, part, parents, sums, hop, of, of.searchsorted(np.arange(len(parts) + 1)).tolist())


def _stacked(parts: Sequence[Partial]) -> Partial:
    """Return the rows of all parts, not merged, with the number of their part as pane."""
    series, which = _series_of_rows(parts)
    rows = np.array([part.rows for part in parts])
    firsts = np.cumsum(rows) - rows
    index: dict[str, int] = {}
    outcomes = np.concatenate([part.outcomes for part in parts])
    each = [len(part.outcomes) for part in parts]
    kinds = np.array([index.setdefault(name, len(index)) for part in parts for name in part.error_types], np.int64)
    shifts = np.cumsum([0, *(len(part.error_types) for part in parts)])[:-1]
    outcomes[:, 0] += np.repeat(firsts, each)
    outcomes[:, 1] = kinds[outcomes[:, 1] + np.repeat(shifts, each)]
    cells = np.concatenate([part.cells for part in parts])
    cells[:, 0] += np.repeat(firsts * cell_width(parts[0]), [len(part.cells) for part in parts])
    return msgspec.structs.replace(
        parts[0],
        series=series,
        error_types=list(index),
        which=which,
        pane=np.repeat(np.arange(len(parts)), rows),
        late=np.concatenate([part.late for part in parts]),
        events=np.concatenate([part.events for part in parts]),
        slis=np.concatenate([part.slis for part in parts]),
        sums=np.concatenate([part.sums for part in parts]),
        extremes=np.concatenate([part.extremes for part in parts]),
        outcomes=outcomes,
        cells=cells,
    )


def _series_of_rows(parts: Sequence[Partial]) -> tuple[NumberedSeries, Ints]:
    """Return series, and the place of each row's series among these; a series may occur twice."""
    numbered = [part.series for part in parts if isinstance(part.series, NumberedSeries)]
    if len(numbered) < len(parts) or any(series.leaves is not numbered[0].leaves for series in numbered):
        return united([part.series for part in parts], [part.which for part in parts])
    rows = np.concatenate([series.rows[part.which] for series, part in zip(numbered, parts, strict=True)])
    return numbered[0].leaves.chosen(rows), np.arange(len(rows))
