"""Few users who differ much, each of them served by one version: how often a good candidate is blamed for its users.

`python -m tests.bench.simulate_users` prints the table of docs/figures.md: 10 requests a second of users that are drawn
by chance, a tenth of the users are the candidate's; 5 % of the requests fail, with ratios of users that are correlated
by .3 (a beta distribution). Three hours, blips of a minute, one SLI at alpha = 0.05. Seeded.
"""

import math

import msgspec
import numpy as np

from operators.arrays import Floats
from operators.rules.canary_state import BLIP_CAP
from operators.rules.recurring import Recurring
from operators.stats.e_process import EProcesses
from tests.bench.simulate_canary import WORSE_RATIOS
from tests.bench.tables import write_table

ALPHA = 0.05
BLIP = 6
PANES = 1_080
REQUESTS = 100  # Of a pane.
SHARE = 0.1


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`times` as many requests of the candidate fail, from pane `onset` on; `hot`: as many users make half of them.

    `testers`: the candidate's tenth of the requests is made by so many users, beside all others.
    """

    name: str
    users: int
    correlation: float = 0.3
    base: float = 0.05
    times: float = 1.0
    onset: int = 0
    hot: int = 0
    testers: int = 0


EQUAL = [
    Case(name="400 users, .3", users=400),
    Case(name="2,000 users, .3", users=2_000),
    Case(name="2,000 users, .6", users=2_000, correlation=0.6),
    Case(name="20,000 users, 500 of them make half of the requests", users=20_000, hot=500),
    Case(name="10 testers, beside 20,000 users", users=20_000, testers=10),
    Case(name="40 testers, beside 20,000 users", users=20_000, testers=40),
]
WORSE = [
    Case(name="x3, 2,000 users", users=2_000, times=3),
    Case(name="x3, 20,000 users", users=20_000, times=3),
    Case(name="x3, 1,000,000 users", users=1_000_000, times=3),
    Case(name="x10, 400 users", users=400, times=10),
    Case(name="x3, 2,000 testers, beside 20,000 users", users=20_000, testers=2_000, times=3),
    Case(name="x3 after an hour, 20,000 users", users=20_000, times=3, onset=360),
    Case(name="x3 after an hour, 1,000,000 users", users=1_000_000, times=3, onset=360),
]


def run(case: Case, seed: int, *, thinned: bool = True, panes: int = PANES) -> float:
    """Return the minutes after which a run was called worse, infinite for never."""
    random = np.random.default_rng(seed)
    a = case.base * (1 / case.correlation - 1)
    ratio = random.beta(a, a * (1 - case.base) / case.base, case.users)
    chain = random.integers(0, 2**62, case.users)
    candidate = np.arange(case.users) < case.testers if case.testers else random.random(case.users) < SHARE
    known, processes = (Recurring(), Recurring()), EProcesses(1.0, 1.5, cap=BLIP_CAP, ratios=WORSE_RATIOS)
    processes.grow(1)
    pending = np.zeros(4, np.int64)
    for pane in range(panes):
        # Half of the requests are of those that are hot, or a tenth of testers.
        few = REQUESTS // 2 if case.hot else int(REQUESTS * SHARE) if case.testers else 0
        hot = random.integers(0, max(case.hot, case.testers, 1), few)
        users = np.unique(np.concatenate([hot, random.integers(case.testers, case.users, REQUESTS - len(hot))]))
        share = np.where(candidate[users], known[0].share, known[1].share)
        some = users[random.random(len(users)) < (share if thinned else 1.0)]
        for recurring, mine in zip(known, (candidate[users], ~candidate[users]), strict=True):
            recurring.take(chain[users[mine]])
        harm = np.where(candidate[some] & (pane >= case.onset), case.times, 1.0)
        bad = random.random(len(some)) < np.minimum(ratio[some] * harm, 1.0)
        for arm, mine in enumerate((candidate[some], ~candidate[some])):
            pending[2 * arm : 2 * arm + 2] += mine.sum(), (mine & bad).sum()
        if pane % BLIP == BLIP - 1:
            processes.step(pane - BLIP + 1, np.array([0]), pending[None], BLIP)
            pending[:] = 0
            if processes.log_e_peak[0] >= -math.log(ALPHA):
                return (pane + 1) / BLIP
    return math.inf


def found(case: Case, runs: int, *, thinned: bool = True, panes: int = PANES) -> Floats:
    return np.array([run(case, seed, thinned=thinned, panes=panes) for seed in range(runs)])


def main(runs: int = 100) -> None:
    write_table(
        ("case", "ever BAD, once a pane", "minutes", "ever BAD", "minutes"),
        [*EQUAL, *WORSE],
        lambda case: found(case, runs, thinned=False),
        lambda case: found(case, runs),
    )


if __name__ == "__main__":
    main()
