"""Sums, extremes and histogram cells of numbers, group by group, in one pass over each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.tally import Tally, count_code, emit_cells
from operators.fast.words import bits_of

MANTISSA_BITS = 6  # Bits of a number that, with its exponent, tell the nearest bucket.
CELL_SHIFT = 52 - MANTISSA_BITS
LIMB_BITS = 31  # As in `window/sums.py`.
LOW = (1 << LIMB_BITS) - 1
MAGNITUDE_BITS = (1 << 63) - 1  # All but the sign.


class Buckets(NamedTuple):
    """Buckets of magnitudes: their upper `edges`, (n,), and by the first bits of a number where to start the search.

    Each bucket is at most `steps` after that start. `first_cell` are the bits of the least magnitude. `codes` are those
    of bucket 0 and of zero, the offset of buckets below zero, and the least code.
    """

    edges: Floats
    nearest: NDArray[np.int16]
    steps: int
    first_cell: np.int64
    least: float
    most: float
    code_first: int
    code_zero: int
    code_negative: int
    code_min: int


class Counted(NamedTuple):
    """The results of groups: `sums` (G, M, 3), `extremes` (G, M, 2), `cells` (C, 2) of key and n, in order of keys."""

    sums: Ints
    extremes: Floats
    cells: Ints


class Room(NamedTuple):
    """Room for the values of some rows side by side, (M, rows); and a tally of each measure."""

    values: Floats
    counts: Ints
    marks: NDArray[np.uint64]
    words: NDArray[np.uint64]


@inlined
def code_of(value: float, buckets: Buckets) -> int:
    """Return the code of a number, counted from the least code."""
    if value == 0:
        return int(buckets.code_zero - buckets.code_min)
    magnitude = min(max(abs(value), buckets.least), buckets.most)
    cell = int((bits_of(value) & MAGNITUDE_BITS) >> CELL_SHIFT) - int(buckets.first_cell)
    bucket = int(buckets.nearest[min(max(cell, 0), len(buckets.nearest) - 1)])
    for _ in range(buckets.steps):
        bucket += int(magnitude > buckets.edges[bucket])
    code = bucket + buckets.code_first
    return int((code if value > 0 else -(code + buckets.code_negative)) - buckets.code_min)


@inlined
def put_side_by_side(values: Floats, rows: Ints, block: Floats) -> None:
    """Copy the values (n, M) of some rows into a block (M, rows)."""
    for place in range(len(rows)):
        for measure in range(values.shape[1]):
            block[measure, place] = values[rows[place], measure]


@inlined
def tally_values(values: Floats, scale: float, buckets: Buckets, tally: Tally, sums: Ints, extremes: Floats) -> None:
    """Count values, NaN for none: add to n and the limbs of their `sums`, and to the `extremes` of -x and x."""
    n, high, low, lowest, highest = sums[0], sums[1], sums[2], extremes[0], extremes[1]
    for place in range(len(values)):
        value = values[place]
        if value == value:  # noqa: PLR0124  # Not so for NaN.
            fixed = np.int64(np.rint(value * scale))
            n, high, low = n + 1, high + (fixed >> LIMB_BITS), low + (fixed & LOW)
            lowest, highest = max(lowest, -value), max(highest, value)
            count_code(code_of(value, buckets), 1, tally)
    sums[0], sums[1], sums[2], extremes[0], extremes[1] = n, high, low, lowest, highest


@inlined
def count_rows(
    values: Floats, rows: Ints, group: int, scales: Floats, buckets: Buckets, room: Room, out: Counted
) -> None:
    """Count the measures of a few rows of a group."""
    put_side_by_side(values, rows, room.values)
    for measure in range(len(scales)):
        tally_values(
            room.values[measure, : len(rows)],
            scales[measure],
            buckets,
            Tally(room.counts[measure], room.marks[measure], room.words[measure]),
            out.sums[group, measure],
            out.extremes[group, measure],
        )


@inlined
def emit_group(group: int, cells: int, key_bits: int, room: Room, out: Counted) -> int:
    """Write the cells of a group after so many `cells`; return their new number."""
    measures = len(room.counts)
    for measure in range(measures):
        if out.sums[group, measure, 0]:
            tally = Tally(room.counts[measure], room.marks[measure], room.words[measure])
            cells = emit_cells((group * measures + measure) << key_bits, cells, tally, out.cells)
    return cells


@kernel
def measure_groups(
    values: Floats, order: Ints, starts: Ints, scales: Floats, key_bits: int, buckets: Buckets, room: Room, out: Counted
) -> int:
    """Count the measures (n, M) of groups of rows, given in order, from `starts` (G + 1,) on; return how many cells.

    `scales` (M,) turn them into whole numbers. `out.sums` are 0, `out.extremes` -inf. The key of a cell is
    (group * M + measure) << `key_bits` | code.
    """
    cells, most = 0, room.values.shape[1]
    for group in range(len(starts) - 1):
        for start in range(starts[group], starts[group + 1], most):
            rows = order[start : min(start + most, starts[group + 1])]
            count_rows(values, rows, group, scales, buckets, room, out)
        cells = emit_group(group, cells, key_bits, room, out)
    return cells
