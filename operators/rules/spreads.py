"""How the measures of a pane are spread: counts by histogram bucket, of each finest slice of a version."""

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.window.partial import Partial, cell_rows
from operators.window.series_index import SliceSeries, described, slice_text

_NONE = np.zeros(0, np.int64)


class Spreads(msgspec.Struct, frozen=True, kw_only=True):
    """K counts `n` of values in bucket `code`, (K,) each: `measure` is a number in the policy, `row` one in `names`."""

    names: Sequence[SliceSeries] = ()
    row: Ints = _NONE
    measure: Ints = _NONE
    code: Ints = _NONE
    n: Ints = _NONE

    def of(self, model: str, version: str) -> "Spreads":
        """Return those of one version; their rows index into the same `names`."""
        mine = np.array([name.model == model and name.version == version for name in self.names], bool)
        some = mine[self.row] if len(mine) else np.zeros(0, bool)
        return Spreads(
            names=self.names,
            row=self.row[some],
            measure=self.measure[some],
            code=self.code[some],
            n=self.n[some],
        )


NO_SPREADS = Spreads()


def spreads_of(part: Partial | None, dimensions: tuple[str, ...]) -> Spreads:
    """Return the values of what came in on time in a pane."""
    if part is None or not len(part.cells):
        return NO_SPREADS
    pair, code, n = cell_rows(part.cells)
    row, measure = np.divmod(pair, part.sums.shape[1])
    series = [part.series[index] for index in part.which.tolist()]
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
        mine = self._spreads.of(model, version)
        inside = np.array([text in _slices(name) for name in mine.names], bool)
        some = mine.measure == measure
        if len(inside):
            some &= inside[mine.row]
        n, high = mine.n[some], mine.code[some] > code
        return int(n[~high].sum()), int(n[high].sum())


def _slices(name: SliceSeries) -> set[str]:
    """Return the texts of all slices that a finest series is of."""
    pairs = list(name.dims.items())
    return {slice_text(some) for size in range(len(pairs) + 1) for some in combinations(pairs, size)}
