"""The e-processes of a canary rule by release and column: an SLI, or a limit of a measure.

What a process is about is looked up once, not whenever all processes are.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.stats.multiple_testing import Bools


class ProcessIndex:
    """K processes: `column` (K,) is the number of their release and SLI in `columns`, `whole` (K,) marks all traffic.

    `by_release` are the numbers of the processes of each release. Each release has a `number`; `release` (K,) is that
    of each process. `slices` are the processes of slices by column, in order of arrival; `numbers` those of the slices
    that a stratum belongs to, by release, text of the stratum, and SLI, once they were asked for. `of_slice` finds the
    processes of one slice: alerts on a version with thousands of slices ask for each of them.
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
        """Take the processes that are new since the last call; earlier ones must be the same."""
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
