"""Histograms of many series and measures that grow and shrink, and their quantiles.

Counts sit in pages of 16 neighbouring buckets, made when first touched: memory follows the buckets in use
(some 1.3 KB for a latency that spreads over two decades), and one outlier costs one page, not a wide table.
Adding is one scatter; the quantiles of all series at once are a search over pages, then inside of one page.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast import loading
from operators.stats.histogram import CODE_BITS, CODE_MAX, CODE_MIN, values_of
from operators.window.paged_ranks import HeldPages, quantiles_of, values_of_ranks
from operators.window.partial import cell_rows

Pages = NDArray[np.int32] | NDArray[np.int64]

INT32_MAX = int(np.iinfo(np.int32).max)
PAGE_BITS = 4
PAGE = 1 << PAGE_BITS
PAGES_OF_MEASURE = ((CODE_MAX - CODE_MIN) >> PAGE_BITS) + 1
VALUES = values_of(np.arange(PAGES_OF_MEASURE << PAGE_BITS) + CODE_MIN)  # For every place in a measure's pages.


class PagedHistograms:
    """Counts by (slot, measure, code). Page 0 stays empty: it stands for every page that was never touched."""

    def __init__(self, measures: int) -> None:
        self.measures = measures
        # 32 bits wide while no bucket can hold more, by the bound `_most`.
        self.pages: Pages = np.zeros((64, PAGE), np.int32)
        self._most = 0
        self.used = 1
        # table[slot, column] is the number of a page. Which buckets of which measure a column holds, says its number
        # in `numbers`: measure * PAGES_OF_MEASURE + page of the measure. `column_of` inverts that.
        self.table: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self.numbers: Ints = np.zeros(0, np.int64)
        self.column_of: Ints = np.full(measures * PAGES_OF_MEASURE, -1)
        self._ordered: tuple[Ints, Ints, Floats] | None = None  # The columns as `HeldPages` has them.

    def add(self, slots: Ints, measures: Ints, codes: Ints, counts: Ints, sign: int = 1) -> None:
        """Add `counts` at (slot, measure, code), or take them away; a place may occur several times."""
        keys = (np.arange(len(slots)) * self.measures + measures << CODE_BITS) + codes - CODE_MIN
        self.add_cells(np.column_stack((keys, counts)), slots, sign)

    def add_cells(self, cells: Ints, slots: Ints, sign: int = 1) -> None:
        """Add the `cells` of a hop (`hop.py: HopCounts`), whose rows are of `slots`, or take them away."""
        if not len(cells):
            return
        self._reserve(int(slots.max()) + 1)
        if sign > 0:
            self._widen(int(np.abs(cells[:, 1]).sum()))
        kernels = loading.kernels()
        if kernels is None:
            pairs, codes, counts = cell_rows(cells)
            rows, measures = np.divmod(pairs, self.measures)
            self._add(slots[rows], measures, codes, sign * counts)
            return
        placed, begin = kernels.PlacedCells(cells, slots, self.measures, CODE_BITS, PAGES_OF_MEASURE), 0
        while begin < len(cells):
            begin, self.used = kernels.count_pages(
                placed, begin, self.table, self.column_of, self.pages, self.used, sign
            )
            if self.used == len(self.pages):
                self._reserve_pages(self.used + min(self.used, len(cells) - begin))
            elif begin < len(cells):  # From there on some cells are of a page that no slot has yet.
                numbers = kernels.pages_touched(placed, begin, len(self.column_of))
                self._make_columns(numbers[self.column_of[numbers] < 0])

    def _add(self, slots: Ints, measures: Ints, codes: Ints, counts: Ints) -> None:
        places = codes - CODE_MIN
        numbers = measures * PAGES_OF_MEASURE + (places >> PAGE_BITS)
        columns = self.column_of[numbers]
        if columns.min() < 0:
            self._make_columns(np.unique(numbers[columns < 0]))
            columns = self.column_of[numbers]
        cells = slots * self.table.shape[1] + columns
        pages = self.table.reshape(-1)[cells]
        if not pages.all():
            self._allocate(cells[pages == 0])
            pages = self.table.reshape(-1)[cells]
        np.add.at(self.pages.reshape(-1), (pages << PAGE_BITS) + (places & (PAGE - 1)), counts.astype(self.pages.dtype))

    def _widen(self, added: int) -> None:
        """Make room for bucket counts to grow by at most so much."""
        self._most += added
        if self._most > INT32_MAX and self.pages.dtype == np.int32:
            self._most = int(np.abs(self.pages[: self.used]).max()) + added
            if self._most > INT32_MAX:
                self.pages = self.pages.astype(np.int64)

    def clear(self) -> None:
        """Take everything away; the pages stay, to be used again."""
        self.pages[: self.used] = 0

    def quantiles(self, slots: Ints, measures: int, probabilities: Sequence[float]) -> Floats:
        """Return quantiles, shape (slots, measures, probabilities), which rise; NaN where a slot has no values.

        Linear between the two neighbouring order statistics (Hyndman, Fan 1996, definition 7, NumPy's own),
        each within 1 %, so that the result is within 1 % of the exact one where values share a sign.
        """
        self._reserve(int(slots.max(initial=-1)) + 1)  # A slot may have events, and never a value.
        if len(slots) and len(self.numbers):
            held = self._held()
            if held is not None and (kernels := loading.kernels()) is not None:
                return quantiles_of(kernels, held, slots, probabilities)
        result = np.full((len(slots), measures, len(probabilities)), np.nan)
        if not len(slots) or not len(self.numbers):
            return result
        columns = np.argsort(self.numbers)
        search = self._search(slots, columns)
        firsts = np.searchsorted(self.numbers[columns], np.arange(measures + 1) * PAGES_OF_MEASURE)
        before = search.before(np.arange(len(slots))[:, None] * len(columns) + firsts)
        counts = np.diff(before, axis=1)
        present = counts > 0
        start, count = before[:, :-1][present][:, None], counts[present][:, None]
        position = np.asarray(probabilities) * (count - 1).astype(np.float64)
        ranks = np.floor(position).astype(np.int64)
        low, last = search.buckets((start + ranks).reshape(-1))
        high, low = low.copy(), low.reshape(ranks.shape)
        beyond = np.flatnonzero(((start + ranks).reshape(-1) >= last) & (ranks + 1 < count).reshape(-1))
        high[beyond], _ = search.buckets((start + ranks).reshape(-1)[beyond] + 1)
        result[present] = low + (position - ranks) * (high.reshape(ranks.shape) - low)
        return result

    def ranked(self, slots: Ints, measure: int, ranks: Ints) -> Floats:
        """Return the values of the rank-th smallest (from 0) of slots, (K, R); `ranks` rise in each row.

        NaN where a slot has no values; a rank that is too large gives the largest value.
        """
        self._reserve(int(slots.max(initial=-1)) + 1)  # A slot may have events, and never a value.
        found = np.full(ranks.shape, np.nan)
        if not len(slots) or not len(self.numbers):
            return found
        held = self._held()
        if held is not None and (kernels := loading.kernels()) is not None:
            return values_of_ranks(kernels, held, slots, np.full(len(slots), measure), ranks)
        columns = self._columns(measure)
        search = self._search(slots, columns)
        before = search.before(np.arange(len(slots) + 1) * len(columns))
        known = np.flatnonzero(np.diff(before))
        places = np.minimum(before[:-1, None] + ranks, before[1:, None] - 1)[known]
        found[known] = search.buckets(places.ravel())[0].reshape(places.shape)
        return found

    def _search(self, slots: Ints, columns: Ints) -> "_Search":
        pages = self.table[np.ix_(slots, columns)].reshape(-1)
        totals = self.pages[: self.used].sum(axis=1, dtype=np.int64)
        return _Search(self.pages, pages, np.cumsum(totals[pages]), self.numbers[columns] % PAGES_OF_MEASURE)

    def squares(self, slots: Ints, measure: int) -> Floats:
        """Return the sum of the squares of a measure's values, (slots,), within 2 %.

        Which columns exist depends on history: the sum is rounded once, so that it does not.
        """
        self._reserve(int(slots.max(initial=-1)) + 1)
        own = self._columns(measure)
        counts = self.pages[self.table[np.ix_(slots, own)]].reshape(len(slots), -1)
        rows, places = counts.nonzero()
        values = VALUES.reshape(-1, PAGE)[self.numbers[own] - measure * PAGES_OF_MEASURE].ravel()[places]
        squares = (counts[rows, places] * values**2).tolist()
        edges = rows.searchsorted(np.arange(len(slots) + 1)).tolist()
        return np.array([math.fsum(squares[begin:end]) for begin, end in pairwise(edges)], float)

    def _held(self) -> HeldPages | None:
        """Return the pages for kernels to look ranks up in; None where a bucket may hold more than 32 bits."""
        if self.pages.dtype != np.int32:
            return None
        if self._ordered is None:
            columns, measures = np.argsort(self.numbers), len(self.column_of) // PAGES_OF_MEASURE
            firsts = np.searchsorted(self.numbers[columns], np.arange(measures + 1) * PAGES_OF_MEASURE)
            values = VALUES.reshape(-1, PAGE)[self.numbers % PAGES_OF_MEASURE]
            self._ordered = columns, firsts, values
        return HeldPages(self.pages, self.table, *self._ordered)  # type: ignore[arg-type]  # Of 32 bits, as seen above.

    def _columns(self, measure: int) -> Ints:
        """Return the columns of a measure, in the order of its buckets."""
        low = measure * PAGES_OF_MEASURE
        own = np.flatnonzero((self.numbers >= low) & (self.numbers < low + PAGES_OF_MEASURE))
        return own[np.argsort(self.numbers[own])]

    def _make_columns(self, numbers: Ints) -> None:
        if not len(numbers):
            return
        self.column_of[numbers] = len(self.numbers) + np.arange(len(numbers))
        self.numbers, self._ordered = np.concatenate((self.numbers, numbers)), None
        self.table = _grown(self.table, len(self.table), len(self.numbers))

    def _reserve(self, slots: int) -> None:
        if slots > len(self.table):
            self.table = _grown(self.table, max(slots, len(self.table) * 5 // 4), len(self.numbers))

    def _allocate(self, cells: Ints) -> None:
        flat = self.table.reshape(-1)
        places = np.arange(len(cells), dtype=flat.dtype)
        flat[cells] = places
        new = cells[flat[cells] == places]  # Each cell once.
        needed = self.used + len(new)
        self._reserve_pages(needed)
        flat[new] = np.arange(self.used, needed)
        self.used = needed

    def _reserve_pages(self, needed: int) -> None:
        if needed > len(self.pages):
            self.pages = _grown(self.pages, max(needed, len(self.pages) * 5 // 4), PAGE)


class _Search:
    """Looks up values by their ranks among those of all `pages` (P,), slot by slot, as if these were one histogram.

    `ends` (P,) counts the values up to the end of each page; `numbers` (columns,) is the position of a column's page
    among those of its measure.
    """

    def __init__(self, store: Pages, pages: NDArray[np.int32], ends: Ints, numbers: Ints) -> None:
        self._store, self._pages, self._ends, self._numbers = store, pages, ends, numbers

    def before(self, places: Ints) -> Ints:
        """Return the number of values before each of these places in `pages`."""
        return np.concatenate(([0], self._ends))[places]

    def buckets(self, ranks: Ints) -> tuple[Floats, Ints]:
        """Return the value of the bucket that holds the rank-th (from 0) of all, (K,), and the last rank in it."""
        at = np.searchsorted(self._ends, ranks, side="right")
        inside = np.cumsum(self._store[self._pages[at]], axis=1, dtype=np.int64)
        inside += (self._ends[at] - inside[:, -1])[:, None]
        places = (inside > ranks[:, None]).argmax(axis=1)
        values = VALUES[(self._numbers[at % len(self._numbers)] << PAGE_BITS) + places]
        return values, inside[np.arange(len(ranks)), places] - 1


def _grown(array: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    grown = np.zeros((rows, columns), array.dtype)
    grown[: array.shape[0], : array.shape[1]] = array
    return grown
