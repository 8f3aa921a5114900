"""Columns of few distinct values as Arrow: each value is converted once, and only if it occurs.

The names of series recur in every table of a pane and in every window: for a few thousand series they cost more than
the numbers beside them.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from operators.store.columns import Kind
from operators.store.rows import Coded

VALUES_KEPT = 1 << 17  # In all lists together: some 100 bytes each.
# Texts and maps are shared between rows, and never changed once they are in a column.
_KEPT_KINDS: frozenset[Kind] = frozenset({"string", "map"})

Convert = Callable[[Any], pa.Array]


class KeptValues:
    """The Arrow arrays of the lists of values used last, up to `VALUES_KEPT` values."""

    def __init__(self) -> None:
        # The values are kept with their arrays: while they live no other object has their ids.
        self._kept: OrderedDict[tuple[Kind, tuple[int, ...]], tuple[Sequence[Any], pa.Array]] = OrderedDict()
        self._size = 0

    def of(self, kind: Kind, values: Sequence[Any], convert: Convert) -> pa.Array:
        if kind not in _KEPT_KINDS:
            return convert(values)
        key = kind, tuple(map(id, values))
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found[1]
        array = convert(values)
        self._kept[key] = tuple(values), array
        self._size += len(values)
        while self._size > VALUES_KEPT:
            _, (dropped, _) = self._kept.popitem(last=False)
            self._size -= len(dropped)
        return array


_kept = KeptValues()


def coded(kind: Kind, column: Coded, convert: Convert) -> pa.Array:
    """Return each row's value, converted by `convert`. ValueError or pa.ArrowException for a code without a value."""
    values, codes = _occurring(column)
    return _kept.of(kind, values, convert).take(pa.array(codes))


def _occurring(column: Coded) -> tuple[Sequence[Any], NDArray[np.integer[Any]]]:
    """Return only the values that occur, and codes for these, where there are more values than rows."""
    if len(column.values) <= len(column):
        return column.values, column.codes
    codes, which = np.unique(column.codes, return_inverse=True)
    if len(codes) and not 0 <= codes[0] <= codes[-1] < len(column.values):
        raise ValueError(f"codes from {codes[0]} to {codes[-1]} for {len(column.values)} values")
    return [column.values[code] for code in codes.tolist()], which
