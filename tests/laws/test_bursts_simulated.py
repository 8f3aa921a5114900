"""Failures that are no independent coins; tests/bench/simulate_bursts.py has the cases, and prints docs/figures.md."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.bench.simulate_bursts import CASES, METHODS, Traffic, false_rollbacks, found, harmed

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
TRAFFIC = Traffic(rate=10, share=0.1, runs=400 if PROVE else 100)
FIGURES = Path(__file__).parents[2] / "docs" / "figures.md"
# What docs/figures.md says why of: longer than a blip, and a version that wanders by itself.
BEYOND = {"own outages of 120 s", "each arm wanders by itself"}
SHORT = ("own outages of 60 s", "beta-binomial, rho .05", "another mix of slices", "every event three times")


@pytest.mark.parametrize("name", sorted(CASES.keys() - BEYOND) if PROVE else SHORT)
def test_bursts_roll_back_no_release(name: str) -> None:
    (share,) = false_rollbacks(name, TRAFFIC, ("blips",))
    assert share <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / TRAFFIC.runs)


def test_they_do_where_every_pane_counts_in_full() -> None:
    (share,) = false_rollbacks("own outages of 30 s", Traffic(rate=10, share=0.1, runs=30), ("in full",))
    assert share > 0.7


@pytest.mark.parametrize(("times", "panes"), [(3, 48), (10, 36)])
def test_what_blips_cost(times: int, panes: int) -> None:
    (after,) = found(harmed(TRAFFIC, 0.05, times), TRAFFIC, 0.05, ("blips",))
    assert np.median(after) <= panes


def test_what_others_use_is_what_it_says_where_failures_are_coins() -> None:
    rivals = METHODS[2:]
    *valid, naive = false_rollbacks("coins at 5 %", TRAFFIC, rivals)
    assert max(valid) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / TRAFFIC.runs)
    assert naive > 0.05, "three fixed checks at 5 % each"
    after = found(harmed(TRAFFIC, 0.05, 3), TRAFFIC, 0.05, rivals[:3])
    assert (np.median(after, axis=1) <= 60).all()


def test_the_figures_have_a_row_for_each_case() -> None:
    text = FIGURES.read_text()
    assert [name for name in CASES if f"\n| {name} | " not in text] == []
