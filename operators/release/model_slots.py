"""Which slots of a roster belong to which model, and which of them are all traffic of one version."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.pane_counts import PaneCounts
from operators.stats.multiple_testing import Bools
from operators.window.series_index import ALL_VERSIONS, SliceSeries
from operators.wire.mirrored import mirrored

ALL_TRAFFIC = "*"  # The name of the slice.
TOGETHER = (ALL_VERSIONS, mirrored(ALL_VERSIONS))  # Not versions, but the sum of all.


class ModelSlots:
    """Reads each name once, when it is new, so that a pane need not read the names of everything that came in."""

    def __init__(self) -> None:
        self._names: Sequence[SliceSeries] = ()
        self._numbers: dict[str, int] = {}
        self._model: Ints = np.zeros(0, np.int64)
        self._whole: Bools = np.zeros(0, bool)

    def follow(self, names: Sequence[SliceSeries]) -> None:
        """Take the names of a roster by slot. The list grows at its end; with another list everything begins anew."""
        if names is not self._names:
            self._names, self._numbers = names, {}
            self._model, self._whole = self._model[:0], self._whole[:0]
        known = len(self._model)
        if known == len(names):
            return
        new = names[known:]
        numbers = [self._numbers.setdefault(name.model, len(self._numbers)) for name in new]
        whole = [name.text == ALL_TRAFFIC and name.version not in TOGETHER for name in new]
        self._model = np.concatenate((self._model, np.array(numbers, np.int64)))
        self._whole = np.concatenate((self._whole, np.array(whole, bool)))

    def versions(self, counts: PaneCounts) -> Ints:
        """Return the rows of a pane that are all traffic of a version, in order."""
        return self._whole[counts.slots].nonzero()[0]

    def rows_of(self, model: str, counts: PaneCounts) -> Ints:
        """Return the rows of a pane that belong to a model, in order."""
        number = self._numbers.get(model)
        return np.zeros(0, np.int64) if number is None else np.flatnonzero(self._model[counts.slots] == number)
