"""What would have been seen by now is found without looking at every size of harm, and is what looking at all finds."""

import numpy as np
import pytest

from operators.arrays import Floats, Ints
from operators.rules import estimates
from operators.rules.estimates import detectable
from operators.stats.e_process import EProcesses

SIZE = 4_000


def served() -> Ints:
    """Return counts from none to hundreds of millions, with nothing bad, few, most or all of them."""
    random = np.random.default_rng(3)
    n = np.floor(10 ** random.uniform(0, 8.5, (SIZE, 2))).astype(np.int64)
    x = random.binomial(n, random.choice([0.0, 1e-6, 1e-4, 0.003, 0.05, 0.5, 0.97, 1.0], (SIZE, 1)))
    return np.stack((n, x), axis=2).reshape(-1, 4)


def found(alpha: Floats, cap: float) -> Floats:
    random, counts = np.random.default_rng(4), served()
    processes, every = EProcesses(1.1, 3.0, cap=cap, ratios=(1.0, 2.0)), np.arange(SIZE)
    processes.grow(SIZE)
    processes.step(0, every, counts)
    processes.blocks[:] = random.integers(0, 40, SIZE)
    processes.counts[random.random(SIZE) < 0.05, 0] = 0
    return detectable(processes, every, alpha)


@pytest.mark.parametrize("cap", [2.5, np.inf])
def test_the_smallest_harm_that_shows_is_that_of_all_sizes(cap: float, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = np.random.default_rng(5).choice([0.05, 0.01, 1e-4], SIZE)
    few = found(alpha, cap)
    monkeypatch.setattr(estimates, "STRIDES", (1,))
    every = found(alpha, cap)
    assert np.isfinite(every).sum() > SIZE / 4
    assert few.tobytes() == every.tobytes()
