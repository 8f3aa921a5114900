"""One hop of windows, rolled up from its finest series to every slice that is reported."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast import loading
from operators.stats.histogram import CODE_BITS, CODE_MAX, CODE_MIN
from operators.window.partial import WIDTH_MAX, Partial, cell_rows, cell_width, sum_by_key
from operators.window.series_index import NOWHERE, Rollup, SeriesIndex, rollup

CODES = CODE_MAX - CODE_MIN + 1
Cells = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.int16], Ints]


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One hop rolled up to the reported series: `slots` (W,) are those with events, each once.

    `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3), `extremes` (W, M, 2). Histogram cells, each (C,):
    `cell_slots`, `cell_measures`, `cell_codes`, `cell_counts`.
    """

    slots: Ints
    events: Ints
    slis: Ints
    sums: Ints
    extremes: Floats
    cell_slots: NDArray[np.int32]
    cell_measures: NDArray[np.int16]
    cell_codes: NDArray[np.int16]
    cell_counts: Ints


def roll_up(part: Partial, slots: SeriesIndex) -> Hop:
    """Add the finest series of a hop up to every reported slice; each row of `part` is another series."""
    parents = slots.parents(part.series)[part.which]
    slots_of, starts, source = sums = rollup(parents)
    cells = _roll_up_cells(part, parents, sums, slots)
    return Hop(
        slots=slots_of,
        events=np.add.reduceat(part.events[source], starts),
        slis=np.add.reduceat(part.slis[source], starts, axis=0),
        sums=np.add.reduceat(part.sums[source], starts, axis=0),
        extremes=np.maximum.reduceat(part.extremes[source], starts, axis=0),
        cell_slots=cells[0],
        cell_measures=cells[1],
        cell_codes=cells[2],
        cell_counts=cells[3],
    )


def _roll_up_cells(part: Partial, parents: Ints, sums: Rollup, slots: SeriesIndex) -> Cells:
    """Return (slot, measure, code, count) of every cell of every reported slice."""
    kernels = loading.kernels()
    if kernels is not None and cell_width(part) <= WIDTH_MAX:
        added = kernels.added_rows(part.cells, part.rows, sums.source, sums.starts, cell_width(part))
        of_kernels: Cells = kernels.split_cells(added, sums.slots, part.sums.shape[1], CODE_BITS, CODE_MIN)
        return of_kernels
    pairs, codes, counts = cell_rows(part.cells)
    if not len(pairs):
        return pairs.astype(np.int32), pairs.astype(np.int16), codes.astype(np.int16), counts
    rows, measures = np.divmod(pairs, part.sums.shape[1])
    # Number the (measure, code) that occur without wide gaps, so that a grain of few slots is counted densely.
    places = measures * CODES + (codes - CODE_MIN)
    present = np.flatnonzero(np.bincount(places))
    dense = np.zeros(present[-1] + 1, np.int64)
    dense[present] = np.arange(len(present))
    numbers = dense[places]
    parts = []
    for grain, slot in zip(slots.grains, parents.T.astype(np.int32), strict=True):
        cells = rows, numbers, counts
        if (slot == NOWHERE).any():
            known = slot[rows] != NOWHERE
            cells = rows[known], numbers[known], counts[known]
        if len(grain) == len(slots.dimensions):  # The finest: nothing falls together.
            parts.append((slot[cells[0]], *cells[1:]))
            continue
        distinct = np.unique(slot)
        keys, totals = sum_by_key(np.searchsorted(distinct, slot)[cells[0]] * len(present) + cells[1], cells[2])
        place, number = np.divmod(keys, len(present))
        parts.append((distinct[place], number, totals))
    slot, number, count = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Divided where each occurs once: a division costs as much as all else here.
    measure_of, code_of = np.divmod(present, CODES)
    return slot, measure_of.astype(np.int16)[number], (code_of + CODE_MIN).astype(np.int16)[number], count
