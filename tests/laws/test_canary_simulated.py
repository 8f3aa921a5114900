"""What simulated releases must come to; tests/bench/simulate_canary.py has the cases, and prints them as a table."""

import os
from copy import deepcopy
from functools import cache

import numpy as np
import pytest

from operators.stats.e_process import EProcesses
from tests.bench.simulate_canary import ALPHA, BETTER, BORDER, QUIET, SLOW, Case, Simulation, damage, drawn, run

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS = 400 if PROVE else 150
PANES = None if PROVE else 400  # In short; most false alarms come early, when little is known.


def ids(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", [*QUIET, BORDER[1]], ids=ids)
def test_false_alarms_however_often_one_looks(case: Case) -> None:
    assert run(case, RUNS, PANES).rejected <= ALPHA


@pytest.mark.parametrize("case", BORDER[:1], ids=ids)
def test_a_candidate_at_the_margin_is_not_ok(case: Case) -> None:
    assert run(case, RUNS, PANES).below_margin <= ALPHA


@pytest.mark.parametrize("case", BETTER, ids=ids)
def test_a_better_candidate_is_never_bad(case: Case) -> None:
    outcome = run(case, RUNS, PANES)
    assert outcome.rejected == 0
    assert outcome.below_margin > 0.9


@pytest.mark.parametrize(("factor", "bad", "requests"), [(2, 150, 2_500), (3, 50, 900), (5, 25, 350)])
def test_damage_from_the_start_is_found_within_so_many_events(factor: int, bad: float, requests: float) -> None:
    outcome = run(damage(factor), RUNS)
    assert outcome.rejected == 1
    assert outcome.median(outcome.bad) <= bad
    assert outcome.median(outcome.requests) <= requests


ONSET = 500  # Of late damage, in panes.


@cache
def until_onset() -> Simulation:
    """What comes before late damage is the same whatever follows."""
    simulation = Simulation(damage(1, onset=ONSET), RUNS if PROVE else 200)
    simulation.play(ONSET)
    return simulation


@pytest.mark.parametrize(("factor", "panes"), [(2, 52 if PROVE else 56), (3, 25), (5, 12)])
def test_late_damage_is_found_within_so_many_panes(factor: int, panes: float) -> None:
    simulation = deepcopy(until_onset())
    simulation.case = case = damage(factor, onset=ONSET)
    simulation.play(case.panes)
    outcome = simulation.outcome()
    assert outcome.rejected >= 0.99  # A false alarm before the onset counts as found, in no pane after it.
    assert outcome.median(outcome.panes) <= panes
    assert abs(outcome.median(outcome.dated) - case.onset) <= 5


@pytest.mark.parametrize("case", SLOW, ids=ids)
def test_little_traffic_is_enough_for_large_damage(case: Case) -> None:
    outcome = run(case, RUNS if PROVE else 100)
    assert outcome.rejected == 1
    assert outcome.median(outcome.bad) <= (18 if PROVE else 20)


def test_bounds_hold_at_every_pane_at_once() -> None:
    """Each is wrong at any time with chance <= alpha."""
    case = Case(name="", candidate=lambda _: 3 / 41, baseline=lambda _: 0.05, per_pane=100)
    random = np.random.default_rng(3)
    runs, panes = (400, 2_000) if PROVE else (150, 300)
    processes = EProcesses(1.0, 1.49, 1.45, 1.51, 1.55)
    processes.grow(runs)
    above, below = np.zeros(runs, bool), np.zeros(runs, bool)
    for pane in range(panes):
        processes.step(pane, np.arange(runs), drawn(random, case, pane, runs))
        lower, upper = processes.bounds(ALPHA)
        above |= lower > 1.5
        below |= upper < 1.5
    assert above.mean() <= ALPHA
    assert below.mean() <= ALPHA
    assert np.median(upper / lower) < 3
