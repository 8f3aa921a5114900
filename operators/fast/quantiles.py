"""Looks up values by their ranks in histograms that are kept in pages (`operators/window/paged.py`)."""

import math

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
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


@inlined
def slot_total(pages: Pages, pages_of: Table, columns: Ints) -> int:
    """Return how many values a slot, whose pages are `pages_of` (all columns,), has in some columns."""
    total = 0
    for column in columns:
        if pages_of[column]:
            total += page_total(pages, pages_of[column])
    return total


@inlined
def write_quantiles(
    pages: Pages, pages_of: Table, columns: Ints, values: Floats, probabilities: Floats, total: int, found: Floats
) -> None:
    """Write quantiles, whose probabilities rise, of the `total` values that a slot has in some columns."""
    at, before, low, has_low = 0, 0, 0.0, False
    position = probabilities[0] * np.float64(total - 1)
    rank = math.floor(position)
    for column in columns:
        page = pages_of[column]
        if page == 0:
            continue
        behind = before + page_total(pages, page)
        if (min(rank + 1, total - 1) if has_low else rank) >= behind:
            before = behind
            continue
        for place in range(PAGE_MASK + 1):
            if pages[page, place] == 0:
                continue
            before += int(pages[page, place])
            while rank < before:
                if not has_low:
                    low, has_low = values[column, place], True
                if min(rank + 1, total - 1) >= before:
                    break
                found[at] = low + (position - np.float64(rank)) * (values[column, place] - low)
                at += 1
                if at == len(probabilities):
                    return
                position = probabilities[at] * np.float64(total - 1)
                has_low = math.floor(position) == rank  # Then its lower neighbour is the same.
                rank = math.floor(position)


@kernel
def find_quantiles(
    pages: Pages,
    table: Table,
    slots: Ints,
    columns: Ints,
    firsts: Ints,
    values: Floats,
    probabilities: Floats,
    found: Floats,
) -> None:
    """Write quantiles (slots, M, Q) as NumPy defines them, by what each bucket stands for, `values` (columns, buckets).

    The `columns` of measure m, in the order of its buckets, are those from `firsts[m]` to `firsts[m + 1]`. Where there
    are no values nothing is written.
    """
    for at in range(len(slots)):
        for measure in range(len(firsts) - 1):
            own = columns[firsts[measure] : firsts[measure + 1]]
            total = slot_total(pages, table[slots[at]], own)
            if total:
                write_quantiles(pages, table[slots[at]], own, values, probabilities, total, found[at, measure])


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
