"""How soon a slower or dearer candidate is found by its latency and cost, and how often an equal one is blamed.

`python -m tests.bench.simulate_measures` prints the table of docs/figures.md: 10 requests a second, a tenth of them the
candidate's, a measure of its own at alpha 5 %. Seeded.
"""

import math
import sys

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_state import BLIP_CAP
from operators.rules.exceeding import TAIL, Exceeding, Limit, renew
from operators.stats.e_process import EProcesses
from operators.stats.histogram import GAMMA, codes_of
from tests.bench.simulate_canary import WORSE_RATIOS

ALPHA = 0.05
RATE, SHARE, BLIP_S = 10.0, 0.1, 60


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Values are lognormal with a deviation of the logarithm of `spread`; the candidate's are `times` as large.

    A `tail` share of the candidate's values is `tail_times` as large. With a `cycle` all move up and down in an hour.
    The first `slow` minutes all values are ten times as large, and the candidate's no larger than that.
    """

    name: str
    spread: float = 0.5
    times: float = 1.0
    tail: float = 0.0
    tail_times: float = 1.0
    cycle: float = 0.0
    slow: int = 0
    quantile: float | None = TAIL  # None: the mean, by its two limits.
    tolerance: float = 0.1

    @property
    def limits(self) -> list[Limit]:
        steps = math.ceil(math.log1p(self.tolerance) / math.log(GAMMA))
        quantiles = (None, TAIL) if self.quantile is None else (self.quantile,)
        return [Limit("ms", 0, quantile, self.tolerance, steps) for quantile in quantiles]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Minutes until each run was BAD, (runs,), infinite for never; and the share that was ever not worse by 1.5."""

    minutes: Floats
    passed: float


def run(case: Case, *, runs: int = 100, minutes: int = 180, seed: int = 1) -> Outcome:
    random = np.random.default_rng(seed)
    limits, which = case.limits, np.arange(runs)
    processes = [EProcesses(1.0, 1.5, cap=BLIP_CAP, ratios=(0.33, 0.5, 0.77, *WORSE_RATIOS)) for _ in limits]
    for each in processes:
        each.grow(runs)
    exceeding = [Exceeding(limits=tuple(limits)) for _ in which]
    found = np.full(runs, np.inf)
    passed = np.zeros((len(limits), runs), bool)
    level = -math.log(ALPHA / len(limits))
    for minute in range(minutes):
        arms = [drawn(random, case, runs, minute, candidate=candidate) for candidate in (True, False)]
        for number, limit in enumerate(limits if minute else ()):
            edges = np.array([each.codes[number] for each in exceeding])
            counts = []
            for (owner, codes), edge in zip(arms, (edges + limit.steps, edges), strict=True):
                counts += [np.bincount(owner, minlength=runs), np.bincount(owner[codes > edge[owner]], minlength=runs)]
            processes[number].step(minute, which, np.column_stack(counts))
            passed[number] |= processes[number].log_e_not_worse(1.5) >= level
        owner, codes = arms[1]
        for number, known in enumerate(exceeding):
            known.values[0] = np.unique(codes[owner == number], return_counts=True)
        renew(exceeding)
        bad = np.any([each.log_e_peak >= level for each in processes], axis=0)
        found[bad & np.isinf(found)] = minute + 1
    return Outcome(minutes=found, passed=float(passed.all(axis=0).mean()))


def drawn(random: np.random.Generator, case: Case, runs: int, minute: int, *, candidate: bool) -> tuple[Ints, Ints]:
    """Return whose each value is, and its bucket."""
    rate = RATE * BLIP_S * (SHARE if candidate else 1 - SHARE)
    owner = np.repeat(np.arange(runs), random.poisson(rate, runs))
    values = 300 * np.exp(case.spread * random.normal(size=len(owner)) + case.cycle * math.sin(minute * math.tau / 60))
    if minute < case.slow:
        values *= 10
    elif candidate:
        values *= np.where(random.random(len(owner)) < case.tail, case.tail_times, case.times)
    return owner, codes_of(values)


EQUAL = [
    Case(name="latency, the same"),
    Case(name="latency, the same, by p50", quantile=0.5),
    Case(name="latency, the same, moving up and down by half", cycle=0.4),
    Case(name="latency, slower by just the 10 % that is tolerated", times=1.1),
    Case(name="cost, the same", spread=1.0, quantile=None, tolerance=0.2),
    Case(name="cost, dearer by just the 20 % that is tolerated", spread=1.0, times=1.2, quantile=None, tolerance=0.2),
]
SLOWER = [
    Case(name="latency +20 %, nothing tolerated, by p95", times=1.2, tolerance=0.0),
    Case(name="latency +20 %, nothing tolerated, by p50", times=1.2, tolerance=0.0, quantile=0.5),
    Case(name="latency +20 %, by p95", times=1.2),
    Case(name="latency +20 %, by p50", times=1.2, quantile=0.5),
    Case(name="latency +50 %, by p95", times=1.5),
    Case(name="latency x2", times=2.0),
    Case(name="latency x2, after six minutes in which all was ten times as slow", times=2.0, slow=6),
    Case(name="latency x10", times=10.0),
    Case(name="latency x10 of one request in twenty", tail=0.05, tail_times=10.0),
    Case(name="cost +50 %", spread=1.0, times=1.5, quantile=None, tolerance=0.2),
    Case(name="cost x2", spread=1.0, times=2.0, quantile=None, tolerance=0.2),
    Case(name="cost x5", spread=1.0, times=5.0, quantile=None, tolerance=0.2),
    Case(name="cost x20 of one request in twenty", spread=1.0, tail=0.05, tail_times=20.0, quantile=None,
         tolerance=0.2),
]  # fmt: skip


def main(runs: int = 100) -> None:
    sys.stdout.write("| case | ever BAD in 3 h | minutes, median | ever passed |\n|---|---|---|---|\n")
    for case in [*EQUAL, *SLOWER]:
        got = run(case, runs=runs)
        median = float(np.median(got.minutes))
        bad = float(np.isfinite(got.minutes).mean())
        shown = f"{median:.0f}" if math.isfinite(median) else "-"
        sys.stdout.write(f"| {case.name} | {bad:.0%} | {shown} | {got.passed:.0%} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
