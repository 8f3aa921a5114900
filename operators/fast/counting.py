"""What the house calls: arrays in, arrays out, counted and ranked by compiled kernels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.events import find_line_ends, mark_first_rows
from operators.fast.measuring import CELL_SHIFT, Buckets, Counted, measure_groups
from operators.fast.ranking import rank_windows

WORD_BITS = 64


def first_rows(codes: Ints, sure: NDArray[np.bool_], texts: int) -> Ints:
    """Return in which of the sure rows each text comes first, (texts,); -1 where in none."""
    rows = np.full(texts, -1, np.int64)
    mark_first_rows(codes, sure, rows)
    return rows


def line_ends(text: bytes) -> Ints:
    """Return where line ends stand in a text."""
    ends = np.empty(len(text), np.int64)
    return ends[: find_line_ends(np.frombuffer(text, np.uint8), ends)].copy()


def ranked_windows(numbers: Ints, width: int, rank: int) -> Ints:
    """Return the number of a rank, 0 for the least, of each `width` of the numbers that follow each other."""
    found = np.zeros(max(len(numbers) - width + 1, 0), np.int64)
    rank_windows(np.ascontiguousarray(numbers), width, rank, np.zeros(len(numbers), np.int64), found)
    return found


def histogram_buckets(edges: Floats, least: float, most: float, codes: tuple[int, int, int, int]) -> Buckets:
    """Return the buckets with these upper edges; `codes` are those of the first one, of zero, below zero, the least."""
    shift = int(CELL_SHIFT)
    first, last = (int(np.float64(value).view(np.int64)) >> shift for value in (least, most))
    low_ends = (np.arange(first, last + 1, dtype=np.int64) << shift).view(np.float64)
    nearest = np.minimum(np.searchsorted(edges, low_ends, "left"), len(edges) - 1)
    return Buckets(edges, nearest.astype(np.int64), np.int64(first), least, most, *codes)


def measured_groups(
    values: Sequence[Floats], scales: Sequence[float], order: Ints, starts: Ints, key_bits: int, buckets: Buckets
) -> tuple[Ints, Floats, Ints]:
    """Return sums (G, M, 3), extremes (G, M, 2) and cells (C, 2) of measures, each (n,), in groups of rows."""
    stacked, groups = np.array(values, np.float64).reshape(len(values), -1), len(starts)
    codes = 1 << key_bits
    out = Counted(
        sums=np.zeros((groups, len(values), 3), np.int64),
        extremes=np.zeros((groups, len(values), 2)),
        cells=np.empty((stacked.size, 2), np.int64),
        counts=np.zeros(codes, np.int64),
        marks=np.zeros(max(codes // WORD_BITS, 1), np.uint64),
        span=np.array([codes, -1]),
    )
    ends = np.append(starts, len(order))
    cells = measure_groups(
        stacked, stacked.view(np.int64), order, ends, np.array(scales, np.float64), key_bits, buckets, out
    )
    return out.sums, out.extremes, out.cells[:cells].copy()
