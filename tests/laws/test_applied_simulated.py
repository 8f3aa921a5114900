"""A rollback is called applied because it is, and whoever ignores one is told of: in short, or as long as asked for.

`tests/bench/simulate_applied.py` has the tables at full length.
"""

import os

import pytest

from tests.bench.simulate_applied import NOBODY, SOMEBODY, ignored, obeyed, partly, simulate

RUNS = 1_000 if os.environ.get("ROLLGUARD_PROVE") == "1" else 60


@pytest.mark.parametrize(("rate", "share"), NOBODY)
def test_one_that_nobody_obeys_is_not_called_applied_and_always_paged_for(rate: float, share: float) -> None:
    out = simulate(rate, share, ignored, RUNS)
    assert out.share("applied") <= 0.05
    assert out.share("paged") >= 0.95
    assert out.share("recovered") <= out.share("applied")


@pytest.mark.parametrize(("rate", "share"), SOMEBODY)
def test_one_that_a_gateway_of_four_ignores_is_not_called_applied(rate: float, share: float) -> None:
    assert simulate(rate, share, partly, RUNS).share("applied") <= 0.05


@pytest.mark.parametrize(("rate", "share"), [(3, 0.1), (10, 0.05), (10, 0.03)])
def test_the_rule_of_three_called_most_of_them_applied(rate: float, share: float) -> None:
    """What was said before, so that the law above is about something."""
    assert simulate(rate, share, ignored, RUNS).share("three") > 0.5


@pytest.mark.parametrize(("rate", "after", "most"), [(3, 0, 300), (10, 20, 120), (100, 60, 90)])
def test_one_that_is_obeyed_is_soon_applied_and_wakes_nobody(rate: float, after: int, most: int) -> None:
    out = simulate(rate, 0.1, obeyed(after), RUNS)
    assert out.median("applied") <= most
    assert out.share("paged") <= 0.02
