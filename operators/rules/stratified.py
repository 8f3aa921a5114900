"""E-processes of the slices of releases, each fed with comparisons within the finest slices of one window of time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.rules.kept_estimates import KeptEstimates
from operators.rules.strata import Strata
from operators.stats.e_process import EProcesses
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries, described, slice_text

Values = tuple[str, ...]  # A finest slice, by the values of all dimensions.
Served = Mapping[Values, tuple[int, int]]  # Events of a version, and bad ones.
Grain = tuple[str, ...]
# These processes' bounds are read at one ratio only, so a coarse grid of alternatives is enough.
RATIOS = (1.0, 1.3, 1.6, 2.2, 3.2, 5.0, 10.0)


class StratifiedProcesses:
    """State: `processes`, what each is `of`, and the strata of each release and SLI. Windows last at most `most` panes.

    `kept` are the estimates of the processes. Each release and SLI has processes for the slices by `grains`.
    """

    def __init__(self, processes: EProcesses, dimensions: Grain, grains: Sequence[Grain], most: int) -> None:
        self.processes, self.dimensions, self.grains, self.most = processes, dimensions, list(grains), most
        self.of: list[Process] = []
        self.strata: dict[tuple[Comparison, int], Strata] = {}
        self._index: dict[Process, int] = {}
        self.kept = KeptEstimates(processes)

    def add(self, release: Comparison, sli: int, span: tuple[int, int], arms: tuple[Served, Served]) -> None:
        """Take the counts of candidate and baseline in a block; `span` is its first pane and its number of panes."""
        begins, panes = span
        strata = self.strata.setdefault((release, sli), Strata(1, self.most))
        only = np.array([0])
        self._bet(release, sli, strata, begins)
        strata.open(begins, panes, only)
        strata.add(*(self._served(release, arm) for arm in arms))
        self._bet(release, sli, strata, begins + panes)

    def at(self, process: Process) -> Ints:
        """Return the number of a process, (1,); (0,) before there was anything to compare."""
        return np.array([self._index[process]] if process in self._index else [], np.int64)

    def drop(self, gone: set[tuple[Comparison, int]]) -> None:
        """Forget these releases and SLIs."""
        kept = [number for number, each in enumerate(self.of) if (each.release, each.sli) not in gone]
        if len(kept) < len(self.of):
            self.processes.only(np.array(kept, np.int64))
            self.of = [self.of[number] for number in kept]
            self._derive()
        self.strata = {key: strata for key, strata in self.strata.items() if key not in gone}

    def only(self, live: set[Comparison]) -> None:
        """Forget the other releases."""
        self.drop({key for key in self.strata if key[0] not in live})

    def _served(self, release: Comparison, arm: Served) -> list[tuple[SliceSeries, Ints]]:
        served = []
        for values, (n, bad) in arm.items():
            came = np.zeros((1, 3), np.int64)
            came[0, GOOD], came[0, BAD] = n - bad, bad
            served.append((SliceSeries(release.model, "", *described(self.dimensions, values)), came))
        return served

    def _bet(self, release: Comparison, sli: int, strata: Strata, pane: int) -> None:
        for window in strata.take(pane, np.array([0])):
            dims = [strata.names[stratum].dims for stratum in window.strata.tolist()]
            slices = [slice_text([(name, each[name]) for name in grain]) for each in dims for grain in self.grains]
            numbers = [self._number(Process(release, text, sli)) for text in slices]
            if numbers:
                self.processes.grow(len(self.of))
                order = np.argsort(numbers, kind="stable")
                counts = np.repeat(window.counts, len(self.grains), axis=0)
                self.processes.step(window.begins, np.array(numbers)[order], counts[order], window.panes)

    def _number(self, process: Process) -> int:
        number = self._index.setdefault(process, len(self.of))
        if number == len(self.of):
            self.of.append(process)
        return number

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._derive()

    def _derive(self) -> None:
        self._index = {process: number for number, process in enumerate(self.of)}
        self.kept = KeptEstimates(self.processes)
