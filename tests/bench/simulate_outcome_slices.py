"""Requests that lose their slices when they fail: what the comparison within slices finds of harm, and what the guard.

`python -m tests.bench.simulate_outcome_slices` prints the table of docs/figures.md: 10 requests a second, a tenth of
them the candidate's, 12 slices, three hours; blips of a minute, one SLI at alpha = 0.05. Seeded.
"""

import math

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_state import BLIP_CAP
from operators.rules.comparison import Comparison
from operators.rules.guard import ALPHA_SHARE, Guard, whole
from operators.stats.e_process import EProcesses
from tests.bench.simulate_canary import WORSE_RATIOS
from tests.bench.tables import write_table

ALPHA = 0.05
SLICES = 12
RATE, SHARE = 10.0, 0.1
MINUTES = 180


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Ratios of bad requests; `lost` of these lose their slices, and of the good ones `lost_good`.

    `down`: a part of the traffic of each version to a slice in which everything fails.
    """

    name: str
    candidate: float
    baseline: float
    lost: float = 1.0
    lost_good: float = 0.0
    down: tuple[float, float] = (0.0, 0.0)


EQUAL = [
    Case(name="both 1 %", candidate=0.01, baseline=0.01),
    Case(name="both 20 %", candidate=0.2, baseline=0.2),
    Case(name="both 5 %, one in twenty to a slice that is down", candidate=0.05, baseline=0.05, down=(0.05, 0.05)),
    Case(name="both 5 %, 10 and 5 % to a slice that is down", candidate=0.05, baseline=0.05, down=(0.1, 0.05)),
]
WORSE = [
    Case(name="50 against 1 %", candidate=0.5, baseline=0.01),
    Case(name="10 against 1 %", candidate=0.1, baseline=0.01),
    Case(name="5 against 1 %", candidate=0.05, baseline=0.01),
    Case(name="5 against 0 %", candidate=0.05, baseline=0.0),
    Case(name="10 against 1 %, half of these", candidate=0.1, baseline=0.01, lost=0.5),
    Case(name="10 against 1 %, and one in a hundred of the good", candidate=0.1, baseline=0.01, lost_good=0.01),
    Case(name="3 against 1 %", candidate=0.03, baseline=0.01),
]


def run(case: Case, seed: int, *, guarded: bool = True, minutes: int = MINUTES) -> float:
    """Return the minute in which a run was called worse, infinite for never."""
    random = np.random.default_rng(seed)
    within = EProcesses(1.0, 1.5, cap=BLIP_CAP, ratios=WORSE_RATIOS)
    within.grow(1)
    guard, release = Guard(1.0, 1.5, BLIP_CAP), Comparison("m", "v2", "v1", 0, 0)
    seen = np.zeros((SLICES + 2, 1, 4), np.int64)
    alpha = ALPHA * (1 - ALPHA_SHARE) if guarded else ALPHA
    for minute in range(minutes):
        came = drawn(random, case)
        within.step(6 * minute, np.zeros(len(came), np.int64), came[:, 0], 6)
        guard.take(release, 6 * minute, 6, np.array([0]), whole(seen, came))
        seen += came
        if within.log_e_peak[0] >= -math.log(alpha) or (guarded and guard.is_bad(release, 0, ALPHA * ALPHA_SHARE)):
            return minute + 1.0
    return math.inf


def drawn(random: np.random.Generator, case: Case) -> Ints:
    """Return n_c, x_c, n_b, x_b of each slice in a minute, (slices, 1, 4): the last but one is none, the last down."""
    came = np.zeros((SLICES + 2, 1, 4), np.int64)
    for arm, (share, ratio) in enumerate(((SHARE, case.candidate), (1 - SHARE, case.baseline))):
        n = random.poisson(RATE * 60 * share * (1 - case.down[arm]) / SLICES, SLICES)
        bad = random.binomial(n, ratio)
        lost, lost_good = random.binomial(bad, case.lost), random.binomial(n - bad, case.lost_good)
        down = random.poisson(RATE * 60 * share * case.down[arm])
        came[:SLICES, 0, 2 * arm] = n - lost - lost_good
        came[:SLICES, 0, 2 * arm + 1] = bad - lost
        came[SLICES, 0, 2 * arm : 2 * arm + 2] = lost.sum() + lost_good.sum(), lost.sum()
        came[SLICES + 1, 0, 2 * arm : 2 * arm + 2] = down
    return came


def found(case: Case, runs: int, *, guarded: bool = True, minutes: int = MINUTES) -> Floats:
    return np.array([run(case, seed, guarded=guarded, minutes=minutes) for seed in range(runs)])


def main(runs: int = 100) -> None:
    write_table(
        ("case", "ever BAD within slices", "minutes", "with the guard", "minutes"),
        [*EQUAL, *WORSE],
        lambda case: found(case, runs, guarded=False),
        lambda case: found(case, runs),
    )


if __name__ == "__main__":
    main()
