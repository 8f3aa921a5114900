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
    """Cells (C, 2) of (row * measures + measure) << `code_bits` | place of the bucket, rising, and n.

    `slots` are those of the rows. The last field is the number of pages of a measure.
    """

    cells: Ints
    slots: Ints
    measures: int
    code_bits: int
    pages_of_measure: int


@inlined
def place_at(cells: PlacedCells, at: int) -> int:
    """Return the place of a cell's bucket among those of its measure."""
    return int(cells.cells[at, 0] & ((1 << cells.code_bits) - 1))


@inlined
def row_at(cells: PlacedCells, at: int) -> int:
    """Return the row of a cell."""
    return int((cells.cells[at, 0] >> cells.code_bits) // cells.measures)


@inlined
def first_page(cells: PlacedCells, at: int, row: int) -> int:
    """Return the number of the first page of a cell's measure."""
    return int(((cells.cells[at, 0] >> cells.code_bits) - row * cells.measures) * cells.pages_of_measure)


@kernel
def mark_numbers(cells: PlacedCells, begin: int, marks: NDArray[np.bool_]) -> None:
    """Mark the pages of measures that hold cells from `begin` on, (measures * pages,)."""
    for at in range(begin, len(cells.cells)):
        marks[first_page(cells, at, row_at(cells, at)) + (place_at(cells, at) >> PAGE_BITS)] = True


@kernel
def count_pages(
    cells: PlacedCells, begin: int, table: NDArray[np.int32], column_of: Ints, pages: Pages, used: int, sign: int
) -> tuple[int, int]:
    """Add cells from `begin` on, or with a `sign` of -1 subtract them; begin pages that have no cells yet.

    Return the first cell whose page has no column yet, or no room, and how many pages are then `used`.
    """
    last, row, first = -1, 0, 0
    for at in range(begin, len(cells.cells)):
        pair = cells.cells[at, 0] >> cells.code_bits
        if pair != last:  # Most cells have the same pair as the one before.
            last, row = pair, row_at(cells, at)
            first = first_page(cells, at, row)
        place = place_at(cells, at)
        column = column_of[first + (place >> PAGE_BITS)]
        if column < 0:
            return at, used
        page = table[cells.slots[row], column]
        if page == 0:
            if used == len(pages):
                return at, used
            page = table[cells.slots[row], column] = used
            used += 1
        pages[page, place & PAGE_MASK] += sign * cells.cells[at, 1]
    return len(cells.cells), used
