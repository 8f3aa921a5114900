"""The values of measures in a minute, in columns until they are read: less work than keeping them by release."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from operator import is_

import numpy as np

from operators.arrays import Ints, runs_of
from operators.rules.arm_values import ArmValues
from operators.rules.exceeding import Exceeding
from operators.rules.value_history import BASELINE, NO_VALUES, Bucketed, ValueHistory, summed_each
from operators.stats.histogram import CODE_BITS, CODE_MIN
from operators.window.sums import sum_by_key

Put = Callable[[Bucketed], None]


class GatheredValues:
    """Values of the panes of one minute, to be put into the `Exceeding` of each release before that is read."""

    def __init__(self) -> None:
        self._of: Sequence[Exceeding] = ()
        self._minute = 0
        self._measures = 0
        self._keys: list[Ints] = []
        self._counts: list[Ints] = []

    def add(self, of: Sequence[Exceeding], minute: int, values: ArmValues) -> None:
        """Take the values of a pane in a `minute` since 1970; their arms are numbers of the releases of `of`."""
        if minute != self._minute or len(of) != len(self._of) or not all(map(is_, of, self._of)):
            self.settle()
            self._of, self._minute = of, minute
            self._measures = 1 + max((limit.measure for each in of for limit in each.limits), default=0)
        number, arm = np.divmod(values.arm[values.of], 2)
        groups = (number * self._measures + values.measure) * 2 + arm
        self._keys.append(groups << CODE_BITS | values.code - CODE_MIN)
        self._counts.append(values.n)

    def settle(self) -> None:
        """Put what was gathered into the `Exceeding` of each release."""
        if not self._keys:
            return
        keys, counts = sum_by_key(np.concatenate(self._keys), np.concatenate(self._counts))
        self._keys, self._counts = [], []
        groups, codes = keys >> CODE_BITS, (keys & ((1 << CODE_BITS) - 1)) + CODE_MIN
        starts = np.flatnonzero(runs_of(groups))
        known: list[tuple[Bucketed, Bucketed]] = []
        puts: list[Put] = []
        for start, end in pairwise([*starts.tolist(), len(keys)]):
            came = codes[start:end], counts[start:end]
            for before, put in self._places(int(groups[start])):
                if len(before[0]):
                    known.append((before, came))
                    puts.append(put)
                else:
                    put(came)
        for put, values in zip(puts, summed_each(known), strict=True):
            put(values)

    def _places(self, group: int) -> list[tuple[Bucketed, Put]]:
        """Return each place of a version's values of a measure: the values that are there, and what replaces them."""
        rest, arm = divmod(group, 2)
        number, measure = divmod(rest, self._measures)
        exceeding = self._of[number]
        history = exceeding.history.setdefault(measure, ValueHistory())
        places: list[tuple[Bucketed, Put]] = [(history.of(self._minute, arm), partial(history.put, self._minute, arm))]
        if arm == BASELINE:
            values = exceeding.values
            places.append((values.get(measure, NO_VALUES), partial(values.__setitem__, measure)))
        return places
