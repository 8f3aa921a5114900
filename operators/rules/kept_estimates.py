"""Estimates of e-processes (`estimates.py`), each computed once per block, however often they are asked for.

The words of a pane, its rows and its control events are made of the same bounds, and most processes have no block in
most panes.
"""

from collections.abc import Callable

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.estimates import decides_in, detectable, points_between
from operators.stats.e_process import EProcesses

Two = tuple[Floats, Floats]
AT_ONCE = 1_024  # Processes: for more, the intermediate results are many times as large as what is kept.


class KeptEstimates:
    """The estimates of all processes; those of a process hold until its next block, or for another alpha.

    Estimates go by the numbers of processes: make a new object where processes are left out (`EProcesses.only`).
    """

    def __init__(self, processes: EProcesses) -> None:
        self.processes = processes
        self._odds, self._points, self._prospects, self._log_e = Kept(), Kept(), Kept(), Kept()

    def log_e(self, which: Ints) -> Floats:
        """Return ln E now: `EProcesses.log_e`."""

        def found(some: Ints, _: Floats) -> Two:
            log_e = self.processes.log_e(some)
            return log_e, log_e

        return self._log_e.of(self.processes, which, 0.0, found)[0]

    def odds(self, which: Ints, alpha: Floats | float) -> Two:
        """Return the bounds of the odds ratio: `EProcesses.bounds`."""
        return self._odds.of(self.processes, which, alpha, lambda some, level: self.processes.bounds(level, some))

    def points(self, which: Ints, alpha: Floats | float) -> Two:
        """Return the bounds of the difference of ratios: `estimates.points`."""
        return self._points.of(
            self.processes,
            which,
            alpha,
            lambda some, level: points_between(self.processes, some, level, self.odds(some, level)),
        )

    def prospects(self, which: Ints, alpha: Floats | float) -> Two:
        """Return `estimates.detectable` and `estimates.decides_in`."""
        return self._prospects.of(
            self.processes,
            which,
            alpha,
            lambda some, level: (
                detectable(self.processes, some, level),
                decides_in(self.processes, some, level),
            ),
        )


class Kept:
    """Two numbers for each process, and the blocks and alpha that they belong to."""

    def __init__(self) -> None:
        self._values = np.zeros((2, 0))
        self._blocks = np.zeros(0, np.int64)
        self._alpha = np.zeros(0)

    def of(self, processes: EProcesses, which: Ints, alpha: Floats | float, work: Callable[[Ints, Floats], Two]) -> Two:
        """Return both numbers for `which` (W,), from `work` where they are not known."""
        more = processes.size - len(self._blocks)
        if more:
            self._values = np.pad(self._values, ((0, 0), (0, more)))
            self._blocks = np.pad(self._blocks, (0, more), constant_values=-1)
            self._alpha = np.pad(self._alpha, (0, more))
        levels = np.broadcast_to(alpha, which.shape)
        is_new = (self._blocks[which] != processes.blocks[which]) | (self._alpha[which] != levels)
        if is_new.any():
            some, alphas = which[is_new], levels[is_new]
            for begin in range(0, len(some), AT_ONCE):
                part = slice(begin, begin + AT_ONCE)
                self._values[:, some[part]] = work(some[part], alphas[part])
            self._blocks[some], self._alpha[some] = processes.blocks[some], alphas
        first, second = self._values[:, which]
        return first, second
