"""What latency and cost in a canary must come to; tests/bench/simulate_measures.py has the cases, and prints them."""

import os

import numpy as np
import pytest

from tests.bench.simulate_measures import EQUAL, SLOWER, Case, run

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS, MINUTES = (100, 180) if PROVE else (30, 60)
BY_NAME = {case.name: case for case in SLOWER}


@pytest.mark.parametrize("case", EQUAL, ids=lambda case: case.name)
def test_an_equal_candidate_is_not_blamed(case: Case) -> None:
    """Nor one that is slower or dearer by just what is tolerated."""
    assert np.isfinite(run(case, runs=RUNS, minutes=MINUTES).minutes).mean() <= 0.02 + 1 / RUNS


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("latency +20 %, nothing tolerated, by p95", 18),
        ("latency +20 %, nothing tolerated, by p50", 10),
        ("latency x10", 7),
        ("cost x5", 8),
    ],
)
def test_a_slower_or_dearer_candidate_is_found_and_never_passes(name: str, minutes: float) -> None:
    outcome = run(BY_NAME[name], runs=RUNS, minutes=MINUTES)
    assert np.median(outcome.minutes) <= minutes
    assert outcome.passed == 0


def test_slow_minutes_of_both_versions_hide_a_slower_one_for_some_minutes_only() -> None:
    """They hid it for two hours, as limits were of all that the baseline ever had."""
    case = BY_NAME["latency x2, after six minutes in which all was ten times as slow"]
    assert np.median(run(case, runs=RUNS, minutes=MINUTES).minutes) <= 22
