"""What is kept of e-processes is what would be worked out anew, to the bit, and is worked out once for each block."""

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.estimates import decides_in, detectable, points
from operators.rules.kept_estimates import Kept, KeptEstimates, Two
from operators.stats.e_process import EProcesses

SIZE = 7


def test_kept_estimates_are_those_of_each_process_alone_whatever_was_asked_before() -> None:
    random = np.random.default_rng(5)
    processes = EProcesses(1.0, 3.0, 2.0, cap=2.5)
    kept = KeptEstimates(processes)
    for pane in range(60):
        processes.grow(min(SIZE, 1 + pane // 5))
        served = np.flatnonzero(random.random(processes.size) < 0.5)
        sizes = random.integers(0, 200, (len(served), 2))
        bad = random.binomial(sizes, [0.2, 0.1])
        processes.step(pane, served, np.column_stack((sizes[:, 0], bad[:, 0], sizes[:, 1], bad[:, 1])))
        some = np.flatnonzero(random.random(processes.size) < 0.6)
        alpha = random.choice([0.05, 0.01], len(some))
        found = [*kept.odds(some, alpha), *kept.points(some, alpha), *kept.prospects(some, alpha)]
        for place, index in enumerate(some.tolist()):
            one, level = np.array([index]), float(alpha[place])
            wanted = [
                *processes.bounds(level, one),
                *points(processes, one, level),
                detectable(processes, one, level),
                decides_in(processes, one, level),
            ]
            assert [each[place] for each in found] == [each[0] for each in wanted]


def test_what_had_no_block_is_not_worked_out_again() -> None:
    processes = EProcesses(1.0, 3.0)
    processes.grow(3)
    asked: list[list[int]] = []

    def work(which: Ints, alpha: Floats) -> Two:
        asked.append(which.tolist())
        return alpha, alpha

    kept, every = Kept(), np.arange(3)
    kept.of(processes, every, 0.05, work)
    kept.of(processes, every, 0.05, work)
    processes.step(0, np.array([1]), np.array([[10, 1, 10, 1]]))
    kept.of(processes, every, 0.05, work)
    kept.of(processes, every, np.array([0.05, 0.05, 0.01]), work)
    assert asked == [[0, 1, 2], [1], [2]]
