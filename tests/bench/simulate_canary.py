"""How soon the canary test finds damage, and how often it cries wolf: simulated releases, all runs of a case at once.

`python -m tests.bench.simulate_canary` prints the table of tests/README.md; it takes no clock, so it is the same
everywhere. A run is one process; it is looked at after every pane. alpha = 0.05, every pane counts in full (a `blip` of
0 s) unless a cap is named.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.stats.e_process import RATIOS, EProcesses
from operators.stats.log_e import NOT_WORSE

ALPHA = 0.05
PANE_S = 10
Ratio = Callable[[int], float]  # Of bad events, by pane.
WORSE_RATIOS = tuple(ratio for ratio in RATIOS if ratio >= 1)  # All that the words here need.


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Requests are Poisson, `per_pane` on average; each goes to the candidate with chance `share`."""

    name: str
    candidate: Ratio
    baseline: Ratio
    per_pane: float
    share: float = 0.1
    panes: int = 2_000
    onset: int = 0
    tolerance: float = 1.0
    margin: float = 1.5


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of runs was ever BAD, and ever below the margin; and what each run had seen when it became BAD.

    `panes` are counted from the onset of the damage on, `bad` and `requests` of both arms from the start; `dated` is
    the pane that was called the onset. Each (runs,), inf where it was never BAD.
    """

    rejected: float
    below_margin: float
    panes: Floats
    bad: Floats
    requests: Floats
    dated: Floats

    def median(self, values: Floats) -> float:
        return float(np.median(values))


def constant(ratio: float) -> Ratio:
    return lambda _: ratio


def from_pane(onset: int, before: float, after: float) -> Ratio:
    return lambda pane: after if pane >= onset else before


def daily(ratio: float) -> Ratio:
    """Swing by 80 % with a period of 360 panes, and stand at five times that in each third hour."""
    return lambda pane: ratio * (1 + 0.8 * np.sin(2 * np.pi * pane / 360)) * (5 if pane % 1_080 >= 720 else 1)


def damage(factor: int, onset: int = 0) -> Case:
    """The candidate fails more often by a factor, from the start or late.

    Late, the panes hold what counts; from the start they are small, so that events are counted finely.
    """
    return Case(
        name=(f"{onset} quiet panes, then " if onset else "") + f"5 % x{factor}",
        candidate=from_pane(onset, 0.05, 0.05 * factor),
        baseline=constant(0.05),
        per_pane=100 if onset else 20,
        onset=onset,
    )


QUIET = [
    *(
        Case(name=f"A/A at {ratio:.1%}", candidate=constant(ratio), baseline=constant(ratio), per_pane=100)
        for ratio in (0.001, 0.01, 0.05, 0.2)
    ),
    Case(name="A/A, moving around 5 %", candidate=daily(0.05), baseline=daily(0.05), per_pane=100),
    Case(name="A/A at 5 %, half and half", candidate=constant(0.05), baseline=constant(0.05), per_pane=20, share=0.5),
    Case(name="A/A at 5 %, 0.2 requests/s", candidate=constant(0.05), baseline=constant(0.05), per_pane=2),
]
BETTER = [Case(name="5 % -> 2.5 %, better", candidate=constant(0.025), baseline=constant(0.05), per_pane=100)]
# On the border of a null: worse by just what is tolerated, or by just the margin.
BORDER = [
    Case(name="odds x1.5, the margin", candidate=constant(3 / 41), baseline=constant(0.05), per_pane=100),
    Case(name="odds x1.5, tolerated", candidate=constant(3 / 41), baseline=constant(0.05), per_pane=100, tolerance=1.5,
         margin=2.0),
]  # fmt: skip
SLOW = [
    Case(name="0.5 % -> 5 % at 0.2 requests/s", candidate=constant(0.05), baseline=constant(0.005), per_pane=2,
         panes=8_000),
    Case(name="the same, half and half", candidate=constant(0.05), baseline=constant(0.005), per_pane=2, share=0.5,
         panes=8_000),
]  # fmt: skip


class Simulation:
    """All runs of a case, pane by pane; another case with the same null and margin may take its place between two."""

    def __init__(self, case: Case, runs: int, seed: int = 1, *, blip: int = 1, cap: float = math.inf) -> None:
        self.case, self._runs, self._blip = case, runs, blip
        self._random = np.random.default_rng(seed)
        self._processes = EProcesses(case.tolerance, case.margin, cap=cap, ratios=WORSE_RATIOS)
        self._processes.grow(runs)
        self._which = np.arange(runs)
        self._pending = np.zeros((runs, 4), np.int64)
        self._total = np.zeros((2, runs))  # Bad events and requests.
        self._found = np.full((4, runs), np.inf)  # The arrays of an outcome.
        self._below = np.zeros(runs, bool)
        self._pane = 0

    def play(self, panes: int) -> None:
        """Go on until so many panes have passed since the start, or every run is BAD."""
        while self._pane < panes and not np.isfinite(self._found[0]).all():
            self._step(self._pane)
            self._pane += 1

    def _step(self, pane: int) -> None:
        case, processes, found = self.case, self._processes, self._found
        counts = drawn(self._random, case, pane, self._runs)
        self._pending += counts
        if (pane + 1) % self._blip == 0:
            processes.step(pane + 1 - self._blip, self._which, self._pending, self._blip)
            self._pending[:] = 0
        self._total += counts[:, 1::2].sum(axis=1), counts[:, ::2].sum(axis=1)
        # The largest so far of what `log_e_not_worse` says.
        at_margin = processes.peaks[:, NOT_WORSE, np.searchsorted(processes.grid, case.margin)]
        self._below |= at_margin >= -np.log(ALPHA)
        new = (processes.log_e_peak >= -np.log(ALPHA)) & np.isinf(found[0])
        at = np.full(self._runs, pane + 1.0 - case.onset)
        found[:, new] = np.vstack([at, self._total, processes.since])[:, new]

    def outcome(self) -> Outcome:
        found = self._found
        return Outcome(
            rejected=float(np.isfinite(found[0]).mean()),
            below_margin=float(self._below.mean()),
            panes=found[0],
            bad=found[1],
            requests=found[2],
            dated=found[3],
        )


def run(
    case: Case,
    runs: int = 400,
    panes: int | None = None,
    seed: int = 1,
    *,
    blip: int = 1,
    cap: float = math.inf,
) -> Outcome:
    """Simulate until every run is BAD, or for the panes of the case; blocks of `blip` panes count for `cap` at most."""
    simulation = Simulation(case, runs, seed, blip=blip, cap=cap)
    simulation.play(panes or case.panes)
    return simulation.outcome()


def drawn(random: np.random.Generator, case: Case, pane: int, runs: int) -> Ints:
    """Return n_c, x_c, n_b, x_b of a pane, (runs, 4)."""
    n_c, n_b = random.poisson(np.array([[case.share], [1 - case.share]]) * case.per_pane, (2, runs))
    x_c, x_b = random.binomial(n_c, case.candidate(pane)), random.binomial(n_b, case.baseline(pane))
    return np.column_stack((n_c, x_c, n_b, x_b))


def show(cases: Sequence[Case]) -> None:
    print("| case | requests a pane | candidate | ever BAD | ever below margin | panes | bad | requests | dated off |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in cases:
        got = run(case)
        medians = [got.median(each) for each in (got.panes, got.bad, got.requests, got.dated - case.onset)]
        shown = " | ".join(f"{each:,.0f}" if np.isfinite(each) else "-" for each in medians)
        shares = f"{got.rejected:.1%} | {got.below_margin:.1%}"
        print(f"| {case.name} | {case.per_pane:g} | {case.share:.0%} | {shares} | {shown} |")


if __name__ == "__main__":
    factors = (2, 3, 5)
    late = [damage(factor, onset=500) for factor in factors]
    show([*QUIET, *BETTER, *BORDER, *map(damage, factors), *late, *SLOW])
