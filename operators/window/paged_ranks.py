"""Values by their ranks in paged histograms (`paged.py`), looked up by compiled kernels, slot by slot."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints


class HeldPages(NamedTuple):
    """Histograms as they are held: `pages` (P, buckets), the page (slot, column) has in `table`; 0 is an empty one.

    `columns` are those of each measure in the order of its buckets, from `firsts` (M + 1,) on; `values` (columns,
    buckets) is what each bucket stands for.
    """

    pages: NDArray[np.int32]
    table: NDArray[np.int32]
    columns: Ints
    firsts: Ints
    values: Floats


def values_of_ranks(kernels: Any, held: HeldPages, slots: Ints, measures: Ints, ranks: Ints) -> Floats:
    """Return the values of ranks (K, R), from 0, which rise in each row, among those of a slot and measure (K,).

    NaN where there are none; a rank that is too large is that of the largest one.
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
