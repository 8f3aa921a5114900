"""How the measures of a pane are spread: counts by histogram bucket, of each finest slice of a version."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints, groups_of
from operators.window.partial import Partial, cell_rows
from operators.window.series_index import SliceSeries, slice_text
from operators.window.sliced_leaves import SlicedLeaves, Version

_NONE = np.zeros(0, np.int64)


class Cells(NamedTuple):
    """Counts `n` of values of one version and measure in bucket `code`; `row` indexes the names of the spreads."""

    row: Ints = _NONE
    code: Ints = _NONE
    n: Ints = _NONE


NO_CELLS = Cells()


class Spreads(msgspec.Struct, frozen=True, kw_only=True):
    """K counts `n` of values in bucket `code`, (K,) each: `measure` is a number in the policy, `row` one of R series.

    Of each series, `series` (R,) is its index in `names`, and `version` (R,) that of its model and version in
    `versions`.
    """

    names: Sequence[SliceSeries] = ()
    series: Ints = _NONE
    versions: Sequence[Version] = ()
    version: Ints = _NONE
    row: Ints = _NONE
    measure: Ints = _NONE
    code: Ints = _NONE
    n: Ints = _NONE
    found: dict[tuple[str, str, int], Cells] = {}  # Results of `of`, once asked for.

    def named(self, rows: Ints) -> list[SliceSeries]:
        """Return the names of some rows."""
        return [self.names[each] for each in self.series[rows].tolist()]

    def of(self, model: str, version: str, measure: int) -> Cells:
        """Return the values of a version and measure, by row; the first call sorts out those of all versions."""
        if len(self.row) and not self.found:
            self.found.update(self._by_version())
        return self.found.get((model, version, measure), NO_CELLS)

    def _by_version(self) -> dict[tuple[str, str, int], Cells]:
        measures = int(self.measure.max()) + 1
        keys = self.version[self.row] * measures + self.measure
        order, starts = groups_of(keys)
        row, code, n = self.row[order], self.code[order], self.n[order]
        ends = [*starts[1:].tolist(), len(order)]
        return {
            (*self.versions[key // measures], key % measures): Cells(row[start:end], code[start:end], n[start:end])
            for key, start, end in zip(keys[order[starts]].tolist(), starts.tolist(), ends, strict=True)
        }


NO_SPREADS = Spreads()


def spreads_of(part: Partial | None, leaves: SlicedLeaves) -> Spreads:
    """Return the values that came in on time in a pane."""
    if part is None or not len(part.cells):
        return NO_SPREADS
    pair, code, n = cell_rows(part.cells)
    row, measure = np.divmod(pair, part.sums.shape[1])
    series = leaves.numbers(part.series)[part.which]
    return Spreads(
        names=leaves.names,
        series=series,
        versions=leaves.versions,
        version=leaves.version_of[series],
        row=row,
        measure=measure,
        code=code,
        n=n,
    )


class Values:
    """The values that came in on time in a pane, read only where they are asked for."""

    def __init__(self, part: Partial | None, leaves: SlicedLeaves) -> None:
        self._part, self._leaves = part, leaves
        self._spreads: Spreads | None = None

    def above(self, model: str, version: str, text: str, measure: int, code: int) -> tuple[int, int]:
        """Return how many values of a version and slice are in buckets up to `code`, and how many are above."""
        if self._spreads is None:
            self._spreads = spreads_of(self._part, self._leaves)
        mine = self._spreads.of(model, version, measure)
        rows, place = np.unique(mine.row, return_inverse=True)
        inside = np.array([text in _slices(name) for name in self._spreads.named(rows)], bool)[place]
        n, high = mine.n[inside], mine.code[inside] > code
        return int(n[~high].sum()), int(n[high].sum())


def _slices(name: SliceSeries) -> set[str]:
    """Return the texts of all slices that a finest series belongs to."""
    pairs = list(name.dims.items())
    return {slice_text(some) for size in range(len(pairs) + 1) for some in combinations(pairs, size)}
