"""Sums, extremes and histogram cells of numbers, group by group, in one pass over each."""

from typing import NamedTuple

import numpy as np

from operators.arrays import Floats, Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.tally import Tally, count_code, emit_cells

MANTISSA_BITS = 6  # Of a number, with its exponent, that say near which bucket it is.
CELL_SHIFT = 52 - MANTISSA_BITS
LIMB_BITS = 31  # As `window/partial.py` has it.
LOW = (1 << LIMB_BITS) - 1
MAGNITUDE_BITS = (1 << 63) - 1  # All but the sign.


class Buckets(NamedTuple):
    """Buckets of magnitudes: their upper `edges`, (n,), and by the first bits of a number where to begin to look.

    `first_cell` are the bits of the least magnitude. `codes` are those of bucket 0 and of zero, what is added to a
    bucket below zero, and the least code.
    """

    edges: Floats
    nearest: Ints
    first_cell: np.int64
    least: float
    most: float
    code_first: int
    code_zero: int
    code_negative: int
    code_min: int


class Counted(NamedTuple):
    """What groups come to: `sums` (G, M, 3), `extremes` (G, M, 2), `cells` (C, 2) of key and n, in order of keys."""

    sums: Ints
    extremes: Floats
    cells: Ints


@inlined
def code_of(value: float, bits: np.int64, buckets: Buckets) -> int:
    """Return the code of a number from its least on; `bits` are those of its magnitude."""
    if value == 0:
        return int(buckets.code_zero - buckets.code_min)
    magnitude = min(max(abs(value), buckets.least), buckets.most)
    cell = int(bits >> CELL_SHIFT) - int(buckets.first_cell)
    bucket = int(buckets.nearest[min(max(cell, 0), len(buckets.nearest) - 1)])
    while bucket < len(buckets.edges) - 1 and magnitude > buckets.edges[bucket]:
        bucket += 1
    code = bucket + buckets.code_first
    return int((code if value > 0 else -(code + buckets.code_negative)) - buckets.code_min)


@inlined
def count_group(
    values: Floats, bits: Ints, rows: Ints, scale: float, buckets: Buckets, tally: Tally
) -> tuple[int, int, int, float, float]:
    """Count the values of some rows, NaN for none; return n, the limbs of their sum, and the maxima of -x and x."""
    n, high, low, lowest, highest = 0, 0, 0, -np.inf, -np.inf
    for row in rows:
        value = values[row]
        if value == value:  # noqa: PLR0124  # NaN is not.
            fixed = np.int64(np.rint(value * scale))
            n, high, low = n + 1, high + int(fixed >> LIMB_BITS), low + int(fixed & LOW)
            lowest, highest = max(lowest, -value), max(highest, value)
            count_code(code_of(value, bits[row] & MAGNITUDE_BITS, buckets), 1, tally)
    return n, high, low, lowest, highest


@kernel
def measure_groups(
    values: Floats,
    bits: Ints,
    order: Ints,
    starts: Ints,
    scales: Floats,
    key_bits: int,
    buckets: Buckets,
    tally: Tally,
    out: Counted,
) -> int:
    """Count the measures (M, n) of groups of rows, given in order from `starts` (G + 1,) on; return how many cells.

    `bits` are those of the values, `scales` (M,) make whole numbers of them. The key of a cell is
    (group * M + measure) << `key_bits` | code.
    """
    cells = 0
    for group in range(len(starts) - 1):
        rows = order[starts[group] : starts[group + 1]]
        for measure in range(len(values)):
            found = count_group(values[measure], bits[measure], rows, scales[measure], buckets, tally)
            out.sums[group, measure, 0], out.sums[group, measure, 1], out.sums[group, measure, 2] = found[:3]
            out.extremes[group, measure, 0], out.extremes[group, measure, 1] = found[3:]
            cells = emit_cells((group * len(values) + measure) << key_bits, cells, tally, out.cells)
    return cells
