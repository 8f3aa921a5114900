"""Entry points for windows: roll rows up to slices, add, subtract and pack hops; arrays in, arrays out."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.fast.paging import PlacedCells, mark_numbers
from operators.fast.quantiles import Pages, Table, find_cell_quantiles, find_quantiles, find_ranks
from operators.fast.rolling import add_groups, count_slots, group_rows, raise_groups
from operators.fast.varints import Bytes, HopNumbers, read_hop, write_hop

BYTES_MAX = 10  # Per number.


def grouped_rows(parents: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the rising slots (W,) that rows count into, the start of each in `source`, and `source`: row numbers."""
    room = np.zeros(int(parents.max(initial=-1)) + 1, np.int64)
    most = min(len(room), parents.size)
    slots, starts, source = np.empty(most, np.int64), np.empty(most + 1, np.int64), np.empty(parents.size, np.int64)
    groups = group_rows(np.ascontiguousarray(parents), room, slots, starts, source)
    return slots[:groups].copy(), starts[:groups].copy(), source[: starts[groups]]


def summed_groups(source: Ints, starts: Ints, values: Ints) -> Ints:
    """Return the sums by group, (G, ...), of the rows of `values` (rows, ...)."""
    sums = np.empty((len(starts), *values.shape[1:]), np.int64)
    add_groups(source, starts, _rows(values), _rows(sums))
    return sums


def highest_in_groups(source: Ints, starts: Ints, values: Floats) -> Floats:
    """Return the maxima by group, (G, ...), of the rows of `values` (rows, ...)."""
    maxima = np.full((len(starts), *values.shape[1:]), -np.inf)
    flat: Floats = np.ascontiguousarray(values).reshape(len(values), -1)
    raise_groups(source, starts, flat, maxima.reshape(len(maxima), -1))
    return maxima


def counted_slots(slots: Ints, values: Ints, totals: Ints, sign: int) -> None:
    """Add rows (W, ...) to the totals (all slots, ...) of their slots, or with a `sign` of -1 subtract them."""
    count_slots(slots, _rows(values), _rows(totals), sign)


def pages_touched(cells: PlacedCells, begin: int, pages: int) -> Ints:
    """Return which of so many pages of measures hold cells from `begin` on."""
    marks = np.zeros(pages, bool)
    mark_numbers(cells, begin, marks)
    return np.flatnonzero(marks)


def quantiles_found(
    pages: Pages, table: Table, slots: Ints, columns: Ints, firsts: Ints, values: Floats, probabilities: Sequence[float]
) -> Floats:
    """Return quantiles (slots, M, Q); NaN where there are no values. `find_quantiles` describes the arguments."""
    found = np.full((len(slots), len(firsts) - 1, len(probabilities)), np.nan)
    asked, room = np.array(probabilities, np.float64), np.empty(len(columns), np.int64)
    find_quantiles(pages, table, np.ascontiguousarray(slots), columns, firsts, values, asked, room, found)
    return found


def cell_quantiles_found(
    cells: Ints, rows: Ints, measures: int, code_bits: int, values: Floats, probabilities: Sequence[float]
) -> Floats:
    """Return quantiles (rows, M, Q) of the cells (C, 2) of rows; `find_cell_quantiles` describes the arguments."""
    found = np.full((len(rows), measures, len(probabilities)), np.nan)
    asked = np.array(probabilities, np.float64)
    find_cell_quantiles(
        np.ascontiguousarray(cells), np.ascontiguousarray(rows), measures, code_bits, values, asked, found
    )
    return found


def ranks_found(
    pages: Pages, table: Table, slots: Ints, columns: Ints, firsts: Ints, measures: Ints, ranks: Ints
) -> Ints:
    """Return column * buckets of a page + bucket for ranks (K, R), which rise in each row, of a slot and measure each.

    Without values it is -1.
    """
    found = np.empty(ranks.shape, np.int64)
    slots, measures, ranks = map(np.ascontiguousarray, (slots, measures, ranks))
    find_ranks(pages, table, slots, columns, firsts, measures, ranks, found)
    return found


def written_hop(events: Ints, slis: Ints, sums: Ints, cells: Ints) -> memoryview:
    """Return counts of rows, (W,), (W, S, 3) and (W, M, 3), and cells (C, 2) as bytes (`varints.py`)."""
    hop = HopNumbers(_rows(events), _rows(slis), _rows(sums), np.ascontiguousarray(cells))
    out: Bytes = np.empty(BYTES_MAX * (sum(counts.size for counts in hop[:3]) + 2 * len(cells)), np.uint8)
    return out[: write_hop(hop, out)].data


def hop_read(data: bytes, rows: int, slis: int, measures: int, cells: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return what `written_hop` wrote, of so many rows, SLIs, measures and cells."""
    shapes = ((rows,), (rows, slis, 3), (rows, measures, 3), (cells, 2))
    events, slis_of, sums, own = (np.empty(shape, np.int64) for shape in shapes)
    read_hop(np.frombuffer(data, np.uint8), HopNumbers(_rows(events), _rows(slis_of), _rows(sums), own))
    return events, slis_of, sums, own


def _rows(values: Ints) -> Ints:
    return np.ascontiguousarray(values).reshape(len(values), -1 if values.size else 0)
