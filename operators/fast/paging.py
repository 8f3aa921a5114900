"""Adds cells to histograms that are kept in pages (`operators/window/paged.py`)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel

PAGE_BITS = 4
PAGE_MASK = (1 << PAGE_BITS) - 1
Pages = NDArray[np.int32] | NDArray[np.int64]


class PlacedCells(NamedTuple):
    """Cells, each (C,): slot, measure, code and n. The least code, and how many pages a measure has."""

    slots: NDArray[np.int32]
    measures: NDArray[np.int16]
    codes: NDArray[np.int16]
    counts: Ints
    code_min: int
    pages_of_measure: int


@inlined
def number_of(cells: PlacedCells, at: int) -> int:
    """Return which page of which measure a cell is in."""
    return int(cells.measures[at] * cells.pages_of_measure + ((cells.codes[at] - cells.code_min) >> PAGE_BITS))


@kernel
def mark_numbers(cells: PlacedCells, marks: NDArray[np.bool_]) -> None:
    """Mark the pages of measures that cells are in, (measures * pages,)."""
    for at in range(len(cells.slots)):
        marks[number_of(cells, at)] = True


@kernel
def begin_pages(cells: PlacedCells, table: NDArray[np.int32], column_of: Ints, used: int) -> int:
    """Number the pages that cells are the first of, from `used` on; return how many pages there are then."""
    for at in range(len(cells.slots)):
        column = column_of[number_of(cells, at)]
        if table[cells.slots[at], column] == 0:
            table[cells.slots[at], column] = used
            used += 1
    return used


@kernel
def count_pages(cells: PlacedCells, table: NDArray[np.int32], column_of: Ints, pages: Pages, sign: int) -> None:
    """Add cells, or with a `sign` of -1 take them away."""
    for at in range(len(cells.slots)):
        page = table[cells.slots[at], column_of[number_of(cells, at)]]
        pages[page, (cells.codes[at] - cells.code_min) & PAGE_MASK] += sign * cells.counts[at]
