"""Values by their ranks in paged histograms (`paged.py`), looked up by compiled kernels, slot by slot."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints


class HeldPages(NamedTuple):
    """Histograms as held: `pages` (P, buckets), and `table` the page of each (slot, column); page 0 is empty.

    `columns` are those of each measure in the order of its buckets, beginning at `firsts` (M + 1,); `values` (columns,
    buckets) is the value of each bucket.
    """

    pages: NDArray[np.int32]
    table: NDArray[np.int32]
    columns: Ints
    firsts: Ints
    values: Floats


def values_of_ranks(kernels: Any, held: HeldPages, slots: Ints, measures: Ints, ranks: Ints) -> Floats:
    """Return the values of ranks (K, R), from 0, which rise in each row, among those of a slot and measure (K,).

    NaN where there are none; a rank that is too large gives the largest value.
    """
    found = kernels.ranks_found(held.pages, held.table, slots, held.columns, held.firsts, measures, ranks)
    values = np.full(found.shape, np.nan)
    known = found >= 0
    values[known] = held.values.ravel()[found[known]]
    return values


def quantiles_of(kernels: Any, held: HeldPages, slots: Ints, probabilities: Sequence[float]) -> Floats:
    """Return quantiles (slots, M, Q) as `PagedHistograms.quantiles` does; the probabilities rise."""
    pages, table, columns, firsts, values = held
    found: Floats = kernels.quantiles_found(pages, table, slots, columns, firsts, values, probabilities)
    return found
