"""What many thin slices do to a canary: rates that move for both versions, and harm that few of its requests show.

`python -m tests.bench.simulate_strata` prints the table of docs/figures.md. Requests come by chance, so many a minute
over all slices; both versions are the same but where a case says so. One SLI at alpha = 0.05, blips of a minute as in
the default policy. Seeded.
"""

import math
from collections.abc import Callable

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_state import BLIP_CAP
from operators.rules.strata import Served, Strata
from operators.stats.e_process import EProcesses
from operators.window.series_index import SliceSeries, described
from tests.bench.simulate_canary import WORSE_RATIOS
from tests.bench.tables import write_table

ALPHA = 0.05
BLIP = 6  # Panes of 10 s.
HOUR = 360  # Panes.
Ratio = Callable[[int], tuple[float, float]]  # Of bad requests of candidate and baseline in a minute.


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` requests a second over so many `strata`, of which the candidate gets `share`, for `minutes`."""

    name: str
    strata: int
    ratio: Ratio
    share: float = 0.03
    rate: float = 10.0
    minutes: int = 240


def moves(minute: int) -> tuple[float, float]:
    """Both fail 20 times as often from one minute on."""
    return (0.01, 0.01) if minute < 200 else (0.2, 0.2)


def comes_and_goes(minute: int) -> tuple[float, float]:
    ratio = 0.2 if minute % 40 < 20 else 0.01
    return ratio, ratio


def worse(base: float, times: float, onset: int = 0) -> Ratio:
    return lambda minute: (base * (times if minute >= onset else 1.0), base)


EQUAL = [
    Case(name="both 1 -> 20 %, 600 slices, 3 %", strata=600, ratio=moves),
    Case(name="both 1 -> 20 % and back, 600 slices, 3 %", strata=600, ratio=comes_and_goes),
    Case(name="both 1 -> 20 % and back, 60 slices, 1 %", strata=60, ratio=comes_and_goes, share=0.01),
    Case(name="both 1 -> 20 % and back, one slice, 0.02/s", strata=1, ratio=comes_and_goes, rate=0.02, share=0.1),
]
WORSE = [
    Case(name="5 % x2, one slice, 10 %", strata=1, ratio=worse(0.05, 2), share=0.1),
    Case(name="5 % x2, 36 slices, 10 %", strata=36, ratio=worse(0.05, 2), share=0.1),
    Case(name="5 % x2, 360 slices, 10 %", strata=360, ratio=worse(0.05, 2), share=0.1),
    Case(name="5 % x3, 600 slices, 3 %", strata=600, ratio=worse(0.05, 3)),
    Case(name="5 % x3, 0.2/s, half and half, 12 slices", strata=12, ratio=worse(0.05, 3), rate=0.2, share=0.5),
    Case(name="5 % x4, 0.05/s, one slice, 10 %", strata=1, ratio=worse(0.05, 4), rate=0.05, share=0.1, minutes=900),
]


def run(case: Case, seed: int) -> float:
    """Return the minute in which a run was called worse, infinite for never."""
    random = np.random.default_rng(seed)
    names = [SliceSeries("m", "v", *described(("slice",), (f"s{number}",))) for number in range(case.strata)]
    strata = Strata(1, HOUR)
    processes = EProcesses(1.0, 1.5, cap=BLIP_CAP, ratios=WORSE_RATIOS)
    processes.grow(1)
    sli = np.array([0])
    mean = case.rate * 60 / case.strata * np.array([[case.share], [1 - case.share]])
    for minute in range(case.minutes):
        n = random.poisson(mean, (2, case.strata))
        bad = random.binomial(n, np.array(case.ratio(minute))[:, None])
        strata.open(minute * BLIP, BLIP, sli)
        strata.add(_served(names, n[0], bad[0]), _served(names, n[1], bad[1]))
        for block in strata.take((minute + 1) * BLIP, sli):
            processes.step(block.begins, np.zeros(len(block.counts), np.int64), block.counts, block.panes)
        if processes.log_e_peak[0] >= -math.log(ALPHA):
            return minute + 1.0
    return math.inf


def _served(names: list[SliceSeries], n: Ints, bad: Ints) -> list[Served]:
    return [(names[row], np.array([[n[row] - bad[row], bad[row], 0]])) for row in np.flatnonzero(n).tolist()]


def found(case: Case, runs: int) -> Floats:
    return np.array([run(case, seed) for seed in range(runs)])


def main(runs: int = 100) -> None:
    write_table(("case", "ever BAD", "minutes, median"), [*EQUAL, *WORSE], lambda case: found(case, runs))


if __name__ == "__main__":
    main()
