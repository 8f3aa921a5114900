"""The finest series, numbered once, so that code that adds them up need not look at their names.

Each partition has an index of its own, and so have the panes and the windows of a shard: a table translates the numbers
of one index to those of another, so each series is looked up once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, runs_of
from operators.window.picked import Picked

UNKNOWN = -1
FEW = 8  # With this many times more series than rows, rows are sorted instead of a table of series filled.
ONE_BY_ONE = 8  # Up to this many series, a look at each takes no longer than a table by number.
LEAVES_PANES = 360  # Panes for which the finest series keep their numbers.


class LeafSeries(NamedTuple):
    """What counts are kept for; `values` are the slice-dimension values, in the order of the policy."""

    model: str
    version: str
    values: tuple[str, ...]


class NumberedSeries(Picked[LeafSeries]):
    """Finest series, and the number of each in an index: `rows` (len,)."""

    __slots__ = ("leaves",)

    def __init__(self, leaves: "LeafIndex", rows: Ints) -> None:
        self.every, self.rows, self.leaves = leaves.names, rows, leaves


class LeafIndex:
    """Small whole numbers for the finest series, in the order in which they first came; a number is never given up.

    Its user begins a new index once in a while, so that series which are gone are forgotten.
    """

    def __init__(self) -> None:
        self._row_of: dict[LeafSeries, int] = {}
        self.names: list[LeafSeries] = []
        self.models: list[str] = []
        self._model_number: dict[str, int] = {}
        self._model_of: Ints = np.zeros(0, np.int64)
        self._version_number: dict[tuple[str, str], int] = {}
        self._version_of: Ints = np.zeros(0, np.int64)
        self._tables: WeakKeyDictionary[LeafIndex, Ints] = WeakKeyDictionary()  # By index, its rows to those of this.

    def __len__(self) -> int:
        return len(self.names)

    def numbered(self, series: Sequence[LeafSeries]) -> NumberedSeries:
        """Return these series with their numbers.

        >>> names = [LeafSeries("m", "v1", ("eu",)), LeafSeries("m", "v2", ("eu",))]
        >>> LeafIndex().numbered([*names, names[0]]).rows.tolist()
        [0, 1, 0]
        """
        if isinstance(series, NumberedSeries):
            return series if series.leaves is self else self._translated(series)
        return self.chosen(np.array([self._row(name) for name in series], np.int64))

    def numbered_all(self, tables: Sequence[Sequence[LeafSeries]]) -> list[NumberedSeries]:
        """Return what `numbered` does of each table, at once for those that one index numbered."""
        first = tables[0] if tables else None
        if len(tables) < 2 or not isinstance(first, NumberedSeries):
            return [self.numbered(series) for series in tables]
        rows = [table.rows for table in tables if isinstance(table, NumberedSeries) and table.leaves is first.leaves]
        if len(rows) < len(tables):
            return [self.numbered(series) for series in tables]
        numbered = self.numbered(first.leaves.chosen(np.concatenate(rows))).rows
        edges = np.cumsum([0, *map(len, rows)]).tolist()
        return [self.chosen(numbered[start:stop]) for start, stop in pairwise(edges)]

    def chosen(self, rows: Ints) -> NumberedSeries:
        """Return the series of some rows."""
        return NumberedSeries(self, rows)

    def model_of(self) -> Ints:
        """Return the number in `models` of each series, (len,)."""
        if (known := len(self._model_of)) < len(self.names):
            number = self._model_number
            new = [number.setdefault(name.model, len(number)) for name in self.names[known:]]
            self._model_of, self.models = np.concatenate((self._model_of, np.array(new, np.int64))), list(number)
        return self._model_of

    def version_of(self) -> Ints:
        """Return a number for the model and version of each series, (len,)."""
        if (known := len(self._version_of)) < len(self.names):
            number = self._version_number
            new = [number.setdefault(name[:2], len(number)) for name in self.names[known:]]
            self._version_of = np.concatenate((self._version_of, np.array(new, np.int64)))
        return self._version_of

    def model_number(self, model: str) -> int:
        """Return the number of a model in `models`, UNKNOWN if it has none."""
        return self._model_number.get(model, UNKNOWN)

    def _translated(self, series: NumberedSeries) -> NumberedSeries:
        known = len(series.leaves)
        table = self._tables.get(series.leaves)
        if table is None or len(table) < known:
            before = np.zeros(0, np.int64) if table is None else table
            table = np.concatenate((before, np.full(max(known, 2 * len(before)) - len(before), UNKNOWN)))
            self._tables[series.leaves] = table
        rows: Ints = table[series.rows]
        if len(rows) == 1 and rows[0] != UNKNOWN:
            return self.chosen(rows)
        for at in np.flatnonzero(rows == UNKNOWN).tolist():
            rows[at] = table[series.rows[at]] = self._row(series[at])
        return self.chosen(rows)

    def _row(self, name: LeafSeries) -> int:
        row = self._row_of.setdefault(name, len(self.names))
        if row == len(self.names):
            self.names.append(name)
        return row


def by_model(series: Sequence[LeafSeries], number: Callable[[str], int]) -> Ints:
    """Return for each series the `number` of its model, which is called once per model.

    >>> by_model([LeafSeries("m", "v1", ()), LeafSeries("model", "v1", ())], len).tolist()
    [1, 5]
    """
    if not isinstance(series, NumberedSeries) or len(series) <= ONE_BY_ONE:
        return np.array([number(name.model) for name in series], np.int64)
    own = series.leaves.model_of()[series.rows]
    numbers = np.zeros(len(series.leaves.models), np.int64)
    here = np.flatnonzero(np.bincount(own))
    numbers[here] = [number(series.leaves.models[model]) for model in here.tolist()]
    return numbers[own]


def models_of(series: Sequence[LeafSeries]) -> set[str]:
    """Return the models of some series."""
    if not isinstance(series, NumberedSeries) or len(series) <= ONE_BY_ONE:
        return {name.model for name in series}
    here = np.flatnonzero(np.bincount(series.leaves.model_of()[series.rows]))
    return {series.leaves.models[model] for model in here.tolist()}


def are_of(series: NumberedSeries, model: str) -> NDArray[np.bool_]:
    """Return which series are of a model, (len,)."""
    if len(series) <= ONE_BY_ONE:
        return np.array([name.model == model for name in series], bool)
    return np.asarray(series.leaves.model_of()[series.rows] == series.leaves.model_number(model))


def united(tables: Sequence[Sequence[LeafSeries]], indices: Sequence[Ints]) -> tuple[NumberedSeries, Ints]:
    """Give every series that a row uses one number over several tables, in order of first appearance.

    `indices` (rows,) are those into each table; return the series, and the numbers of all rows.
    """
    leaves = _leaves_of(tables)
    numbered = [leaves.numbered(table) for table in tables]
    came = np.concatenate([_used(table, index) for table, index in zip(numbered, indices, strict=True)])
    places = np.arange(len(came))
    first = np.empty(len(leaves), np.int64)
    first[came[::-1]] = places[::-1]
    distinct = came[first[came] == places]
    number = np.empty(len(leaves), np.int64)
    number[distinct] = np.arange(len(distinct))
    which = [number[table.rows[index]] for table, index in zip(numbered, indices, strict=True)]
    return leaves.chosen(distinct), np.concatenate(which)


def only_used(series: Sequence[LeafSeries], which: Ints) -> tuple[Sequence[LeafSeries], Ints]:
    """Return the series that `which` (rows,) uses, and `which` among these: a batch names the series of all shards."""
    if len(which) == 1 and isinstance(series, NumberedSeries):
        if len(series.rows) == 1:
            return series, which
        return series.leaves.chosen(series.rows[which]), np.zeros(1, np.int64)
    if FEW * len(which) < len(series):
        ordered = np.sort(which)
        rows = ordered[runs_of(ordered)]
        numbers = rows.searchsorted(which)
    else:
        used = np.bincount(which, minlength=len(series)) > 0
        rows, numbers = np.flatnonzero(used), (np.cumsum(used) - 1)[which]
    if len(rows) == len(series):
        return series, which
    if isinstance(series, NumberedSeries):
        return series.leaves.chosen(series.rows[rows]), numbers
    return [series[row] for row in rows.tolist()], numbers


def own_series(
    series: Sequence[LeafSeries], which: Ints, edges: Sequence[int]
) -> Iterator[tuple[Sequence[LeafSeries], Ints]]:
    """Yield what `only_used` returns for the rows from each edge, in order, to before the next one."""
    alone = np.zeros(1, np.int64)
    rows = series.rows[which] if isinstance(series, NumberedSeries) else alone
    for first, last in pairwise(edges):
        if last - first == 1 and isinstance(series, NumberedSeries):
            yield series.leaves.chosen(rows[first:last]), alone
        else:
            yield only_used(series, which[first:last])


def _used(table: NumberedSeries, index: Ints) -> Ints:
    """Return the numbers of the series of a table that an `index` points to."""
    return table.rows[np.flatnonzero(np.bincount(index, minlength=len(table)))]


def _leaves_of(tables: Sequence[Sequence[LeafSeries]]) -> LeafIndex:
    """Return the index that the tables have in common; a new one where they have none."""
    known = {id(table.leaves): table.leaves for table in tables if isinstance(table, NumberedSeries)}
    shared = len(known) == 1 and all(isinstance(table, NumberedSeries) for table in tables)
    return next(iter(known.values())) if shared else LeafIndex()
