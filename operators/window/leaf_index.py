"""The finest series of a shard, numbered once a pane for all that add them up: windows, rules and monitors."""

from collections.abc import Iterable

import numpy as np

from operators.arrays import Ints
from operators.window.partial import LeafSeries


class NumberedSeries(tuple[LeafSeries, ...]):
    """Finest series, and the number of each in an index: `rows` (len,)."""

    leaves: "LeafIndex"
    rows: Ints


class LeafIndex:
    """Small whole numbers for the finest series, in the order in which they first came; a number is never given up.

    Who has followed one of these for long begins a new one, so that series which are gone are forgotten.
    """

    def __init__(self) -> None:
        self._row_of: dict[LeafSeries, int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def numbered(self, series: Iterable[LeafSeries]) -> NumberedSeries:
        """Return these series with their numbers.

        >>> names = [LeafSeries("m", "v1", ("eu",)), LeafSeries("m", "v2", ("eu",))]
        >>> LeafIndex().numbered([*names, names[0]]).rows.tolist()
        [0, 1, 0]
        """
        new, row_of = NumberedSeries(series), self._row_of
        rows = [row_of.get(name, -1) for name in new]
        if -1 in rows:
            rows = [row_of.setdefault(name, len(row_of)) for name in new]
        new.leaves, new.rows = self, np.array(rows, np.int64)
        return new
