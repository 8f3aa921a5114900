"""Entry points for other rooms: arrays in, arrays out, counted and ranked by compiled kernels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.adding import add_rows, find_rows
from operators.fast.events import find_line_ends, mark_first_rows
from operators.fast.measuring import CELL_SHIFT, Buckets, Counted, Room, measure_groups
from operators.fast.ranking import rank_windows
from operators.fast.tally import tally_of

ROWS = 256  # Rows handled together: their values of five measures fit the processor's first cache.


def first_rows(codes: Ints, sure: NDArray[np.bool_], texts: int) -> Ints:
    """Return the first sure row that has each text, (texts,); -1 where none has."""
    rows = np.full(texts, -1, np.int64)
    mark_first_rows(codes, sure, rows)
    return rows


def line_ends(text: bytes) -> Ints:
    """Return the places of line ends in a text."""
    ends = np.empty(len(text), np.int64)
    return ends[: find_line_ends(np.frombuffer(text, np.uint8), ends)].copy()


def ranked_windows(numbers: Ints, width: int, rank: int) -> Ints:
    """Return the number of a rank, 0 for the least, in each window of `width` consecutive numbers."""
    found = np.zeros(max(len(numbers) - width + 1, 0), np.int64)
    rank_windows(np.ascontiguousarray(numbers), width, rank, np.zeros(len(numbers), np.int64), found)
    return found


def histogram_buckets(edges: Floats, least: float, most: float, codes: tuple[int, int, int, int]) -> Buckets:
    """Return the buckets with these upper edges; `codes` are those of the first one, of zero, below zero, the least."""
    shift = int(CELL_SHIFT)
    first, last = (int(np.float64(value).view(np.int64)) >> shift for value in (least, most))
    low_ends = (np.arange(first, last + 1, dtype=np.int64) << shift).view(np.float64)
    nearest = np.minimum(np.searchsorted(edges, low_ends, "left"), len(edges) - 1)
    steps = int(np.diff(nearest, append=len(edges) - 1).max())
    return Buckets(edges, nearest.astype(np.int16), steps, np.int64(first), least, min(most, edges[-1]), *codes)


def measured_groups(
    values: Sequence[Floats], scales: Sequence[float], order: Ints, starts: Ints, key_bits: int, buckets: Buckets
) -> tuple[Ints, Floats, Ints]:
    """Return sums (G, M, 3), extremes (G, M, 2) and cells (C, 2) of measures, each (n,), in groups of rows."""
    stacked, groups, measures = np.stack(values, axis=1), len(starts), len(values)
    out = Counted(
        sums=np.zeros((groups, measures, 3), np.int64),
        extremes=np.full((groups, measures, 2), -np.inf),
        cells=np.empty((stacked.size, 2), np.int64),
    )
    tally = tally_of(1 << key_bits)
    room = Room(
        values=np.empty((measures, ROWS)),
        counts=np.zeros((measures, len(tally.counts)), np.int64),
        marks=np.zeros((measures, len(tally.marks)), np.uint64),
        words=np.zeros((measures, len(tally.words)), np.uint64),
    )
    ends = np.append(starts, len(order))
    cells = measure_groups(stacked, order, ends, np.array(scales, np.float64), key_bits, buckets, room, out)
    return out.sums, out.extremes, out.cells[:cells].copy()


def added_rows(counted: Ints, rows: int, order: Ints, starts: Ints, width: int) -> Ints:
    """Return the counts (C, 2) of groups of rows, of those of `rows` rows, (K, 2); all of row * `width` + place, and n.

    Groups are given in order, by the start of each in `order`, in which a row may occur several times.
    """
    counted, firsts = np.require(counted, requirements=["C", "W"]), np.zeros(rows + 1, np.int64)
    find_rows(counted, width, firsts)
    out = np.empty((int(np.diff(firsts)[order].sum()), 2), np.int64)
    cells = add_rows(counted, firsts, order, np.append(starts, len(order)), width, tally_of(width), out)
    out.resize((cells, 2), refcheck=False)  # In place, as there is no other reference.
    return out
