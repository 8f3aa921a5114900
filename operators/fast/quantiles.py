"""Looks up values by their ranks in histograms that are kept in pages (`operators/window/paged.py`)."""

import math

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.paging import PAGE_MASK

Table = NDArray[np.int32]
Pages = NDArray[np.int32]  # Pages of 64 bits are so rare that they are handled without kernels.


@inlined
def page_total(pages: Pages, page: int) -> int:
    """Return the number of values in a page."""
    total = 0
    for place in range(PAGE_MASK + 1):
        total += int(pages[page, place])
    return total


@inlined
def last_place(pages: Pages, page: int) -> int:
    """Return the last bucket of a page with values, the first one where there are none."""
    place = PAGE_MASK
    while place and not pages[page, place]:
        place -= 1
    return place


@inlined
def count_values(pages: Pages, pages_of: Table, columns: Ints, totals: Ints) -> int:
    """Write how many values a slot, whose pages are `pages_of` (all columns,), has in each of some columns.

    Return their sum.
    """
    total = 0
    for nth in range(len(columns)):
        page = pages_of[columns[nth]]
        totals[nth] = page_total(pages, page) if page else 0
        total += totals[nth]
    return total


@inlined
def end_quantiles(
    at: int, before: int, low: float, has_low: bool, value: float, total: int, probabilities: Floats, found: Floats
) -> tuple[int, float, bool]:
    """Write the quantiles, from `at` on, that lie within the first `before` of `total` values; `value` is the last.

    Return the number of the next quantile, and its lower neighbour `low`, if known.
    """
    while at < len(probabilities):
        position = probabilities[at] * np.float64(total - 1)
        rank = math.floor(position)
        if rank >= before:
            break
        if not has_low:
            low, has_low = value, True
        if min(rank + 1, total - 1) >= before:
            break
        found[at] = low + (position - np.float64(rank)) * (value - low)
        at += 1
        # The next quantile may have the same lower neighbour.
        has_low = at < len(probabilities) and math.floor(probabilities[at] * np.float64(total - 1)) == rank
    return at, low, has_low


@inlined
def write_quantiles(
    pages: Pages, pages_of: Table, columns: Ints, values: Floats, probabilities: Floats, totals: Ints, found: Floats
) -> None:
    """Write quantiles, whose probabilities rise, of the values that a slot has in some columns, `totals` in each."""
    total = totals[: len(columns)].sum()
    at, before, low, has_low = 0, 0, 0.0, False
    for nth in range(len(columns)):
        column = columns[nth]
        behind = before + totals[nth]
        rank = math.floor(probabilities[at] * np.float64(total - 1))
        if (min(rank + 1, total - 1) if has_low else rank) >= behind:
            before = behind
            continue
        page = pages_of[column]
        for place in range(PAGE_MASK + 1):
            if pages[page, place] == 0:
                continue
            before += int(pages[page, place])
            at, low, has_low = end_quantiles(
                at, before, low, has_low, values[column, place], total, probabilities, found
            )
            if at == len(probabilities):
                return


@kernel
def find_quantiles(
    pages: Pages,
    table: Table,
    slots: Ints,
    columns: Ints,
    firsts: Ints,
    values: Floats,
    probabilities: Floats,
    totals: Ints,
    found: Floats,
) -> None:
    """Write quantiles (slots, M, Q) as NumPy defines them, by the value of each bucket, `values` (columns, buckets).

    The `columns` of measure m, in the order of its buckets, are those from `firsts[m]` to `firsts[m + 1]`. Where there
    are no values nothing is written. `totals` (columns,) is working memory.
    """
    for at in range(len(slots)):
        for measure in range(len(firsts) - 1):
            own = columns[firsts[measure] : firsts[measure + 1]]
            if count_values(pages, table[slots[at]], own, totals):
                write_quantiles(pages, table[slots[at]], own, values, probabilities, totals, found[at, measure])


@inlined
def first_cell(cells: Ints, at: int, key: int) -> int:
    """Return the first cell from `at` on whose key is not below `key`."""
    end = len(cells)
    while at < end:
        middle = (at + end) // 2
        if cells[middle, 0] < key:
            at = middle + 1
        else:
            end = middle
    return at


@inlined
def write_cell_quantiles(
    cells: Ints, begin: int, total: int, mask: int, values: Floats, probabilities: Floats, found: Floats
) -> None:
    """Write quantiles, whose probabilities rise, of the `total` values that cells from `begin` on have."""
    at, before, low, has_low = 0, 0, 0.0, False
    for cell in range(begin, len(cells)):
        before += cells[cell, 1]
        value = values[cells[cell, 0] & mask]
        at, low, has_low = end_quantiles(at, before, low, has_low, value, total, probabilities, found)
        if at == len(probabilities):
            return


@kernel
def find_cell_quantiles(
    cells: Ints, rows: Ints, measures: int, code_bits: int, values: Floats, probabilities: Floats, found: Floats
) -> None:
    """Write quantiles (rows, M, Q) as `find_quantiles` does, of cells (C, 2) of row * M + measure << bits | bucket, n.

    Both cells and rows rise; `values` (buckets,) is the value of each bucket.
    """
    at = 0
    for nth in range(len(rows)):
        at = first_cell(cells, at, rows[nth] * measures << code_bits)
        for measure in range(measures):
            begin, total = at, 0
            while at < len(cells) and cells[at, 0] >> code_bits == rows[nth] * measures + measure:
                total += cells[at, 1]
                at += 1
            if total:
                mask = (1 << code_bits) - 1
                write_cell_quantiles(cells, begin, total, mask, values, probabilities, found[nth, measure])


@kernel
def find_ranks(
    pages: Pages, table: Table, slots: Ints, columns: Ints, firsts: Ints, measures: Ints, ranks: Ints, found: Ints
) -> None:
    """Write where the values of `ranks` (K, R), which rise in each row, lie: column * buckets of a page + bucket.

    Row k is of slot `slots[k]` and measure `measures[k]`; a rank that is too large is of the last bucket with values.
    Without values it is -1.
    """
    for at in range(len(slots)):
        before, rank, last = 0, 0, 0
        for column in columns[firsts[measures[at]] : firsts[measures[at] + 1]]:
            page = table[slots[at], column]
            behind = before + (page_total(pages, page) if page else 0)
            if behind == before:
                continue
            last = column
            if ranks[at, rank] >= behind:
                before = behind
                continue
            for place in range(PAGE_MASK + 1):
                before += int(pages[page, place])
                while rank < ranks.shape[1] and ranks[at, rank] < before:
                    found[at, rank] = column * (PAGE_MASK + 1) + place
                    rank += 1
            if rank == ranks.shape[1]:
                break
        if not before:
            found[at] = -1
        elif rank < ranks.shape[1]:
            found[at, rank:] = last * (PAGE_MASK + 1) + last_place(pages, table[slots[at], last])
