"""Slices that reveal the outcome of a request: those in which nearly nothing is good, compared with all the others.

Strata must be known before outcomes are. Where a request that fails loses its slices, or gets a slice of its own, that
slice has nothing to compare: all of it is bad in either version, however many more of one version are in it. So a
stratum in which at least `PURE` of all events so far were bad, of both versions together, is taken for an outcome: how
many of all requests of a version end up in such strata is compared without strata, by a process of its own
(`e_process.py`).

That is a share of all traffic, and no longer independent of the mix of traffic. So more is asked for: BAD is a
candidate whose odds of ending there are surely more than `TIMES` times the baseline's. This is wrong with chance <=
alpha as long as the versions' traffic to slices that truly fail nearly always differs by no more than that. Which
strata these are is known before a window of them begins.
"""

import math

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.stats.e_process import EProcesses
from operators.stats.multiple_testing import Bools

PURE = 0.95
EVENTS_MIN = 20  # Of a stratum, before its kind can be known.
TIMES = 3.0
ALPHA_SHARE = 0.1  # Of the alpha of an SLI for all traffic.
HELD_MIN = 10  # Bad events of the candidate in such slices that hold a promotion.
WHY = "failing requests are in slices of which nearly nothing is good, as if slices were known after them"


def pure(seen: Ints) -> Bools:
    """Return which strata reveal outcomes, (strata, SLIs), from the counts of each, (strata, SLIs, 4)."""
    n, bad = seen[:, :, 0] + seen[:, :, 2], seen[:, :, 1] + seen[:, :, 3]
    return np.asarray((n >= EVENTS_MIN) & (bad >= PURE * n))


def whole(seen: Ints, came: Ints) -> Ints:
    """Return n_c, x_c, n_b, x_b of all traffic of a window, (SLIs, 4); x counts bad events in strata of outcomes."""
    counts: Ints = came.sum(axis=0)
    counts[:, 1::2] = (came[:, :, 1::2] * pure(seen)[:, :, None]).sum(axis=0)
    return counts


class Guard:
    """A process for each release and SLI with requests in such strata, in the order of `of`."""

    def __init__(self, tolerance: float, margin: float, cap: float) -> None:
        self.processes = EProcesses(TIMES * tolerance, TIMES * margin, margin, cap=cap)
        self.of: list[tuple[Comparison, int]] = []

    def take(self, release: Comparison, begins: int, panes: int, slis: Ints, counts: Ints) -> list[int]:
        """Take a window of all traffic, `counts` (SLIs, 4), and return the SLIs with any bad request in such strata."""
        some = np.flatnonzero((counts[:, 1] + counts[:, 3] > 0) & (counts[:, 0] > 0) & (counts[:, 2] > 0))
        taken: list[int] = slis[some].tolist()
        numbers = [self._number(release, sli) for sli in taken]
        if numbers:
            self.processes.grow(len(self.of))
            order = np.argsort(numbers)
            self.processes.step(begins, np.array(numbers, np.int64)[order], counts[some][order], panes)
        return taken

    def number(self, release: Comparison, sli: int) -> int | None:
        return self.of.index((release, sli)) if (release, sli) in self.of else None

    def is_bad(self, release: Comparison, sli: int, alpha: float) -> bool:
        """Whether it was ever found that more of the candidate's requests end up in such strata."""
        number = self.number(release, sli)
        return number is not None and bool(self.processes.log_e_peak[number] >= -math.log(alpha))

    def holds(self, release: Comparison, sli: int, margin: float) -> bool:
        """Whether enough of the candidate's requests seem to end up there to hold its promotion."""
        number = self.number(release, sli)
        if number is None:
            return False
        seen = self.processes.counts[number, 1] >= HELD_MIN
        return bool(seen and self.processes.ratio(np.array([number]))[0] > margin)

    def words(self, release: Comparison, sli: int) -> str:
        """Say how many requests of both versions end up there."""
        n_c, x_c, n_b, x_b = self.processes.counts[self.of.index((release, sli))].tolist()
        arms = f"{x_c} of {n_c} requests of {release.candidate}, and {x_b} of {n_b} of {release.baseline}"
        return f"{arms}, are in slices of which nearly nothing is good"

    def only(self, live: set[Comparison]) -> None:
        """Forget the other releases."""
        kept = [number for number, (release, _) in enumerate(self.of) if release in live]
        if len(kept) < len(self.of):
            self.processes.only(np.array(kept, np.int64))
            self.of = [self.of[number] for number in kept]

    def _number(self, release: Comparison, sli: int) -> int:
        known = self.number(release, sli)
        if known is None:
            self.of.append((release, sli))
        return len(self.of) - 1 if known is None else known
