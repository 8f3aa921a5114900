"""The finest series, numbered once for all that add them up, so that who adds them up need not look at their names.

Each partition has an index of its own, and so have the panes and the windows of a shard: what was numbered by one is
numbered by another with a table, series by series looked up once.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from operators.arrays import Ints, runs_of

UNKNOWN = -1
FEW = 8  # So many times as many series as rows: these are sorted rather than series looked through.
LEAVES_PANES = 360  # For so long the finest series keep their numbers.


class LeafSeries(NamedTuple):
    """What counts are kept for; `values` are the slice-dimension values, in the order of the policy."""

    model: str
    version: str
    values: tuple[str, ...]


class NumberedSeries(tuple[LeafSeries, ...]):
    """Finest series, and the number of each in an index: `rows` (len,)."""

    leaves: "LeafIndex"
    rows: Ints

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the names alone to other processes, not the index."""
        return tuple, (list(self),)


class LeafIndex:
    """Small whole numbers for the finest series, in the order in which they first came; a number is never given up.

    Who has followed one of these for long begins a new one, so that series which are gone are forgotten.
    """

    def __init__(self) -> None:
        self._row_of: dict[LeafSeries, int] = {}
        self._names: list[LeafSeries] = []
        self._tables: WeakKeyDictionary[LeafIndex, Ints] = WeakKeyDictionary()  # By index, its rows to those of this.

    def __len__(self) -> int:
        return len(self._names)

    def numbered(self, series: Sequence[LeafSeries]) -> NumberedSeries:
        """Return these series with their numbers.

        >>> names = [LeafSeries("m", "v1", ("eu",)), LeafSeries("m", "v2", ("eu",))]
        >>> LeafIndex().numbered([*names, names[0]]).rows.tolist()
        [0, 1, 0]
        """
        if isinstance(series, NumberedSeries):
            return series if series.leaves is self else self._translated(series)
        return self._of(series, np.array([self._row(name) for name in series], np.int64))

    def chosen(self, rows: Ints) -> NumberedSeries:
        """Return the series of some rows."""
        return self._of(_picked(self._names, rows), rows)

    def _translated(self, series: NumberedSeries) -> NumberedSeries:
        known = len(series.leaves)
        table = self._tables.get(series.leaves)
        if table is None or len(table) < known:
            before = np.zeros(0, np.int64) if table is None else table
            table = np.concatenate((before, np.full(max(known, 2 * len(before)) - len(before), UNKNOWN)))
            self._tables[series.leaves] = table
        rows = table[series.rows]
        for at in np.flatnonzero(rows == UNKNOWN).tolist():
            rows[at] = table[series.rows[at]] = self._row(series[at])
        return self.chosen(rows)

    def _row(self, name: LeafSeries) -> int:
        row = self._row_of.setdefault(name, len(self._names))
        if row == len(self._names):
            self._names.append(name)
        return row

    def _of(self, series: Iterable[LeafSeries], rows: Ints) -> NumberedSeries:
        new = NumberedSeries(series)
        new.leaves, new.rows = self, rows
        return new


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
    """Return the series that `which` (rows,) has, and the numbers in these: a batch names those of all shards."""
    if len(which) == 1 and isinstance(series, NumberedSeries):
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


def _used(table: NumberedSeries, index: Ints) -> Ints:
    """Return the rows of those series of a table that are in an index."""
    return table.rows[np.flatnonzero(np.bincount(index, minlength=len(table)))]


def _leaves_of(tables: Sequence[Sequence[LeafSeries]]) -> LeafIndex:
    """Return the index that the tables have in common; a new one where they have none."""
    known = {id(table.leaves): table.leaves for table in tables if isinstance(table, NumberedSeries)}
    shared = len(known) == 1 and all(isinstance(table, NumberedSeries) for table in tables)
    return next(iter(known.values())) if shared else LeafIndex()


def _picked(names: Sequence[LeafSeries], rows: Ints) -> Iterable[LeafSeries]:
    if len(rows) < 2:
        return [names[row] for row in rows.tolist()]
    picked: tuple[LeafSeries, ...] = itemgetter(*rows.tolist())(names)
    return picked
