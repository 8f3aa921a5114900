"""How the measures of a pane are spread: counts by histogram bucket, of each finest slice of a version."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints, groups_of
from operators.window.partial import Partial, cell_rows
from operators.window.series_index import SliceSeries, described, slice_text

_NONE = np.zeros(0, np.int64)


class Cells(NamedTuple):
    """Counts `n` of values of one version and measure in bucket `code`; `row` is one in the names of the spreads."""

    row: Ints = _NONE
    code: Ints = _NONE
    n: Ints = _NONE


NO_CELLS = Cells()


class Spreads(msgspec.Struct, frozen=True, kw_only=True):
    """K counts `n` of values in bucket `code`, (K,) each: `measure` is a number in the policy, `row` one in `names`."""

    names: Sequence[SliceSeries] = ()
    row: Ints = _NONE
    measure: Ints = _NONE
    code: Ints = _NONE
    n: Ints = _NONE
    found: dict[tuple[str, str, int], Cells] = {}  # What `of` returns, once it was asked.

    def of(self, model: str, version: str, measure: int) -> Cells:
        """Return those of a version and measure, by rows; all are told apart at once, when the first is asked for."""
        if len(self.row) and not self.found:
            self.found.update(self._by_version())
        return self.found.get((model, version, measure), NO_CELLS)

    def _by_version(self) -> dict[tuple[str, str, int], Cells]:
        versions: dict[tuple[str, str], int] = {}
        number = np.array([versions.setdefault(name[:2], len(versions)) for name in self.names], np.int64)
        measures = int(self.measure.max()) + 1
        keys = number[self.row] * measures + self.measure
        order, starts = groups_of(keys)
        row, code, n = self.row[order], self.code[order], self.n[order]
        known, ends = list(versions), [*starts[1:].tolist(), len(order)]
        return {
            (*known[key // measures], key % measures): Cells(row[start:end], code[start:end], n[start:end])
            for key, start, end in zip(keys[order[starts]].tolist(), starts.tolist(), ends, strict=True)
        }


NO_SPREADS = Spreads()


def spreads_of(part: Partial | None, dimensions: tuple[str, ...]) -> Spreads:
    """Return the values of what came in on time in a pane."""
    if part is None or not len(part.cells):
        return NO_SPREADS
    pair, code, n = cell_rows(part.cells)
    row, measure = np.divmod(pair, part.sums.shape[1])
    every = list(part.series)
    series = [every[index] for index in part.which.tolist()]
    names = [SliceSeries(each.model, each.version, *described(dimensions, each.values)) for each in series]
    return Spreads(names=names, row=row, measure=measure, code=code, n=n)


class Values:
    """The values of what came in on time in a pane, looked at only where somebody asks."""

    def __init__(self, part: Partial | None, dimensions: tuple[str, ...]) -> None:
        self._part, self._dimensions = part, dimensions
        self._spreads: Spreads | None = None

    def above(self, model: str, version: str, text: str, measure: int, code: int) -> tuple[int, int]:
        """Return how many values of a version and slice are in buckets up to `code`, and how many above."""
        if self._spreads is None:
            self._spreads = spreads_of(self._part, self._dimensions)
        mine = self._spreads.of(model, version, measure)
        rows, place = np.unique(mine.row, return_inverse=True)
        inside = np.array([text in _slices(self._spreads.names[row]) for row in rows.tolist()], bool)[place]
        n, high = mine.n[inside], mine.code[inside] > code
        return int(n[~high].sum()), int(n[high].sum())


def _slices(name: SliceSeries) -> set[str]:
    """Return the texts of all slices that a finest series is of."""
    pairs = list(name.dims.items())
    return {slice_text(some) for size in range(len(pairs) + 1) for some in combinations(pairs, size)}
