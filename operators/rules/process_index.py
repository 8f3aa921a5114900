"""The e-processes of a canary rule by release and column: an SLI, or a limit of a measure.

What follows from what a process is about is found once, not whenever all of them are looked at.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.stats.multiple_testing import Bools


class ProcessIndex:
    """Of K processes the number of their release and SLI in `columns`, `column` (K,), and which are of all traffic.

    `by_release` are the numbers of the processes of each release, of which each has a `number`, and each process that
    of its own, `release` (K,). `slices` are those of slices by column, as they came; `numbers` those of the slices that
    a stratum belongs to, by release, its text, and SLI, once they were asked for. Those of one slice are told by
    `of_slice`: what is said of a version with thousands of slices asks for each of them.
    """

    def __init__(self) -> None:
        self.columns: list[tuple[Comparison, int]] = []
        self.by_release: dict[Comparison, list[int]] = {}
        self.number: dict[Comparison, int] = {}
        self.slices: dict[int, list[int]] = {}
        self.numbers: dict[tuple[Comparison, str, int], list[int]] = {}
        self.column: Ints = np.zeros(0, np.int64)
        self.release: Ints = np.zeros(0, np.int64)
        self.whole: Bools = np.zeros(0, bool)
        self._number: dict[tuple[Comparison, int], int] = {}
        self._of_slice: dict[tuple[str, str, str], list[int]] = {}

    def follow(self, of: Sequence[Process]) -> None:
        """Take the processes that have come since; those before must be the same."""
        known = len(self.column)
        if len(of) == known:
            return
        columns = []
        for index, process in enumerate(of[known:], known):
            columns.append(self._column(process))
            self.by_release.setdefault(process.release, []).append(index)
            of_slice = process.release.model, process.release.candidate, process.slice
            self._of_slice.setdefault(of_slice, []).append(index)
            if process.slice != "*":
                self.slices.setdefault(columns[-1], []).append(index)
        self.column = np.concatenate((self.column, np.array(columns, np.int64)))
        releases = [self.number.setdefault(process.release, len(self.number)) for process in of[known:]]
        self.release = np.concatenate((self.release, np.array(releases, np.int64)))
        self.whole = np.concatenate((self.whole, np.array([process.slice == "*" for process in of[known:]], bool)))

    def of_slice(self, of: Sequence[Process], series: tuple[str, str, str]) -> Sequence[int]:
        """Return the processes of a (model, candidate, slice)."""
        self.follow(of)
        return self._of_slice.get(series, ())

    def _column(self, process: Process) -> int:
        key = process.release, process.sli
        number = self._number.setdefault(key, len(self.columns))
        if number == len(self.columns):
            self.columns.append(key)
        return number
