"""Parity keeps its promise: at the worst of all null cases, looked at pane by pane, and finds what is unfair."""

import os

import numpy as np
import pytest
from scipy.stats import binom

from operators.rules.parity import Parity, ParityEvaluator
from tests.judged import D, Watch, pane_of, policy, series

VERSIONS = 1_000 if os.environ.get("ROLLGUARD_PROVE") else 80  # Each a window of its own.
SLICES, PANES, EVENTS = 10, 60, 40
GAP, ALPHA = 0.05, 0.1


def _run(ratios: list[float], seed: int) -> tuple[set[str], Watch]:
    """Return the versions with a slice that was called BAD; `ratios` are of bad events by slice."""
    names = [series(f"v{version}", region=f"r{number}") for version in range(VERSIONS) for number in range(SLICES)]
    rule = Parity(name="fair", sli="ok", gap=GAP, window_ms=D, alpha=ALPHA, grains=((0,),))
    seen = Watch(ParityEvaluator(rule, policy()), names)
    random = np.random.default_rng(seed)
    slots = np.arange(len(names))
    for _ in range(PANES):
        bad = random.binomial(EVENTS, np.tile(ratios, VERSIONS))
        seen.take(pane_of(seen.next, slots, EVENTS - bad, bad))
    return {each.series.version for each in seen.told if each.word == "BAD"}, seen


@pytest.mark.parametrize("ratios", [[0.05] + [0.10] * 9, [0.02] * 9 + [0.07], [0.2] * 10])
def test_slices_within_the_gap_are_called_bad_in_no_more_versions_than_alpha(ratios: list[float]) -> None:
    wrong, _ = _run(ratios, seed=7)
    assert len(wrong) <= binom.ppf(0.999, VERSIONS, ALPHA)


def test_a_slice_that_is_treated_worse_is_found_in_all_and_it_alone() -> None:
    found, seen = _run([0.05] * 9 + [0.20], seed=8)
    assert len(found) == VERSIONS
    bad = [each for each in seen.told if each.word == "BAD"]
    assert {each.series.text for each in bad} == {"region=r9"}
    events = np.median([(each.pane - 1_000_000 + 1) * EVENTS for each in bad])
    assert 300 < events < 1_000
