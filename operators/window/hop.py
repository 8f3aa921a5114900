"""One hop of windows, rolled up from its finest series to every slice that is reported."""

import msgspec
import numpy as np

from operators.arrays import Floats, Ints, nth_of_each
from operators.fast import loading
from operators.stats.histogram import CODE_BITS
from operators.window.merging import WIDTH_MAX
from operators.window.partial import Partial, cell_width
from operators.window.series_index import Rollup
from operators.window.sums import sum_by_key


class HopCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a hop adds to the reported series: `slots` (W,) are those with events, distinct and rising.

    `events` (W,), `slis` (W, S, 3), `sums` (W, M, 3). Histogram `cells` (C, 2) of row * M + measure << CODE_BITS | code
    - CODE_MIN, and n, rising, as those of a `Partial`.
    """

    slots: Ints
    events: Ints
    slis: Ints
    sums: Ints
    cells: Ints


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One hop rolled up to the reported series: its `counts`, and the `extremes` (W, M, 2) of their slots."""

    counts: HopCounts
    extremes: Floats


def roll_up(part: Partial, sums: Rollup) -> Hop:
    """Add the finest series of a hop up to every reported slice; each row of `part` is another series."""
    kernels = None if sums.each_alone else loading.kernels()
    if kernels is not None:
        extremes = kernels.highest_in_groups(sums.source, sums.starts, part.extremes)
    else:
        extremes = sums.highest(part.extremes)
    counts = HopCounts(
        slots=sums.slots,
        events=sums.added(part.events),
        slis=sums.added(part.slis),
        sums=sums.added(part.sums),
        cells=_added_cells(part, sums),
    )
    return Hop(counts=counts, extremes=extremes)


def cells_of(counts: HopCounts, rows: Ints) -> Ints:
    """Return the cells of these rows, which must rise."""
    if len(rows) >= len(counts.slots):
        return counts.cells
    width = counts.sums.shape[1] << CODE_BITS
    edges = counts.cells[:, 0].searchsorted(np.concatenate((rows, rows + 1)) * width)
    firsts, lasts = edges[: len(rows)], edges[len(rows) :]
    each = lasts - firsts
    cells: Ints = counts.cells[np.repeat(firsts, each) + nth_of_each(each)]
    return cells


def rows_between(counts: HopCounts, first: int, last: int) -> HopCounts:
    """Return rows first..last-1."""
    if (first, last) == (0, len(counts.slots)):
        return counts
    width = counts.sums.shape[1] << CODE_BITS
    begin, end = counts.cells[:, 0].searchsorted((first * width, last * width)).tolist()
    cells = counts.cells[begin:end].copy()
    cells[:, 0] -= first * width
    return HopCounts(
        slots=counts.slots[first:last],
        events=counts.events[first:last],
        slis=counts.slis[first:last],
        sums=counts.sums[first:last],
        cells=cells,
    )


def _added_cells(part: Partial, sums: Rollup) -> Ints:
    """Return the cells of every reported slice."""
    width = cell_width(part)
    if part.rows == 1 and sums.each_alone:
        keys = np.arange(len(sums.slots))[:, None] * width + part.cells[:, 0]
        return np.column_stack((keys.ravel(), np.tile(part.cells[:, 1], len(sums.slots))))
    kernels = loading.kernels()
    if kernels is not None and width <= WIDTH_MAX:
        of_kernels: Ints = kernels.added_rows(part.cells, part.rows, sums.source, sums.starts, width)
        return of_kernels
    rows, places = np.divmod(part.cells[:, 0], max(width, 1))
    firsts = np.searchsorted(rows, np.arange(part.rows + 1))
    each = np.diff(firsts)[sums.source]  # How many cells each row brings to each of its slots.
    ends = np.cumsum(each)
    cells = np.arange(ends[-1]) + np.repeat(firsts[:-1][sums.source] - (ends - each), each)
    groups = np.repeat(np.arange(len(sums.slots)), np.diff(sums.starts, append=len(sums.source)))
    keys = np.repeat(groups, each) * width + places[cells]
    return np.column_stack(sum_by_key(keys, part.cells[cells, 1]))
