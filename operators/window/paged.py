"""Histograms of many pairs (a series and a measure) that grow and shrink, and their quantiles.

Counts sit in pages of 16 neighbouring buckets, made when first touched: memory follows the buckets in use
(some 2.5 KB for a latency that spreads over two decades), and one outlier costs one page, not a wide table.
Adding is one scatter; the quantiles of all pairs at once are a search over pages, then inside of one page.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.window.histogram import CODE_MIN, Floats, Ints, values_of

PAGE_BITS = 4
PAGE = 1 << PAGE_BITS


class PagedHistograms:
    """Counts by (pair, code). Page 0 stays empty: it stands for every page that was never touched."""

    def __init__(self) -> None:
        self.pages: Ints = np.zeros((64, PAGE), np.int64)
        self.used = 1
        # table[pair, column] is the number of a page; numbers[column] says which buckets the column holds.
        self.table: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.numbers: Ints = np.zeros(0, np.int64)

    def add(self, pairs: Ints, codes: Ints, counts: Ints) -> None:
        """Add `counts` (negative to take away) at (pair, code); a place may occur several times."""
        if not len(pairs):
            return
        places = codes - CODE_MIN
        columns = self._columns(places >> PAGE_BITS)
        self._reserve(int(pairs.max()) + 1)
        pages = self.table[pairs, columns]
        missing = pages == 0
        if missing.any():
            self._allocate(pairs[missing], columns[missing])
            pages = self.table[pairs, columns]
        np.add.at(self.pages.reshape(-1), pages * PAGE + (places & (PAGE - 1)), counts)

    def quantiles(self, pairs: Ints, probabilities: Sequence[float]) -> Floats:
        """Return the quantiles of each pair, shape (pairs, probabilities); NaN for a pair without values.

        Linear between the two neighbouring order statistics (Hyndman, Fan 1996, definition 7, NumPy's own),
        each within 1 %, so that the result is within 1 % of the exact one where values share a sign.
        """
        ascending = np.argsort(self.numbers)
        by_page = self.table[pairs][:, ascending] if len(ascending) else np.zeros((len(pairs), 1), np.int32)
        page_ends = np.cumsum(self.pages[: self.used].sum(axis=1)[by_page], axis=1)
        totals = page_ends[:, -1]
        result = np.empty((len(pairs), len(probabilities)))
        for index, probability in enumerate(probabilities):
            position = probability * np.maximum(totals - 1, 0)
            below = np.floor(position).astype(np.int64)
            low = self._value_at(below, by_page, page_ends, ascending)
            high = self._value_at(np.minimum(below + 1, totals - 1), by_page, page_ends, ascending)
            result[:, index] = low + (position - below) * (high - low)
        result[totals == 0] = np.nan
        return result

    def _value_at(self, ranks: Ints, by_page: NDArray[np.int32], page_ends: Ints, ascending: Ints) -> Floats:
        """Return the value that stands for the bucket holding the rank-th smallest, rank from 0."""
        rows = np.arange(len(ranks))
        columns = np.minimum((page_ends <= ranks[:, None]).sum(axis=1), by_page.shape[1] - 1)
        inside = self.pages[by_page[rows, columns]]
        before = page_ends[rows, columns] - inside.sum(axis=1)
        places = (np.cumsum(inside, axis=1) <= (ranks - before)[:, None]).sum(axis=1)
        numbers = self.numbers[ascending] if len(ascending) else np.zeros(1, np.int64)
        return values_of((numbers[columns] << PAGE_BITS) + np.minimum(places, PAGE - 1) + CODE_MIN)

    def _columns(self, numbers: Ints) -> Ints:
        """Return the table column of each page number, making columns for new ones."""
        known = np.full(int(max(numbers.max(), self.numbers.max(initial=0))) + 1, -1)
        known[self.numbers] = np.arange(len(self.numbers))
        new = np.unique(numbers[known[numbers] < 0])
        if len(new):
            known[new] = len(self.numbers) + np.arange(len(new))
            self.numbers = np.concatenate((self.numbers, new))
            self.table = np.pad(self.table, ((0, 0), (0, len(new))))
        return known[numbers]

    def _reserve(self, pairs: int) -> None:
        if pairs > len(self.table):
            self.table = np.pad(self.table, ((0, max(pairs, 2 * len(self.table)) - len(self.table)), (0, 0)))

    def _allocate(self, pairs: Ints, columns: Ints) -> None:
        width = self.table.shape[1]
        places = np.unique(pairs * width + columns)
        needed = self.used + len(places)
        if needed > len(self.pages):
            self.pages = np.pad(self.pages, ((0, max(needed, 2 * len(self.pages)) - len(self.pages)), (0, 0)))
        self.table.reshape(-1)[places] = np.arange(self.used, needed)
        self.used = needed
