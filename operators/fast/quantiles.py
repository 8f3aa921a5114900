"""Looks up values by their ranks in histograms that are kept in pages (`operators/window/paged.py`)."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.paging import PAGE_MASK

Table = NDArray[np.int32]
Pages = NDArray[np.int32]  # Of 64 bits they are so rarely that they are looked up without kernels.


@inlined
def page_total(pages: Pages, page: int) -> int:
    """Return how many values a page has."""
    total = 0
    for place in range(PAGE_MASK + 1):
        total += int(pages[page, place])
    return total


@kernel
def count_values(pages: Pages, table: Table, slots: Ints, columns: Ints, firsts: Ints, counts: Ints) -> None:
    """Write how many values each slot has of each measure, (slots, M).

    The `columns` of measure m, in the order of its buckets, are those from `firsts[m]` to `firsts[m + 1]`.
    """
    for at in range(len(slots)):
        for measure in range(len(firsts) - 1):
            total = 0
            for column in columns[firsts[measure] : firsts[measure + 1]]:
                page = table[slots[at], column]
                if page:
                    total += page_total(pages, page)
            counts[at, measure] = total


@kernel
def find_ranks(
    pages: Pages, table: Table, slots: Ints, columns: Ints, firsts: Ints, measures: Ints, ranks: Ints, found: Ints
) -> None:
    """Write where the values of `ranks` (K, R), which rise in each row, lie: column * buckets of a page + bucket.

    Row k is of slot `slots[k]` and measure `measures[k]`; a rank that is too large is of the last bucket with values.
    """
    for at in range(len(slots)):
        before, rank, last = 0, 0, 0
        for column in columns[firsts[measures[at]] : firsts[measures[at] + 1]]:
            page = table[slots[at], column]
            if page:
                for place in range(PAGE_MASK + 1):
                    if pages[page, place]:
                        before += int(pages[page, place])
                        last = column * (PAGE_MASK + 1) + place
                        while rank < ranks.shape[1] and ranks[at, rank] < before:
                            found[at, rank] = last
                            rank += 1
        while rank < ranks.shape[1]:
            found[at, rank] = last
            rank += 1
