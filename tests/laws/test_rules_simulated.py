"""Rules on SLOs keep the numbers of the simulations: false alarms a week, and how soon true ones are found.

`tests/bench/simulate_rules.py` has them at full length; with ROLLGUARD_PROVE=1 these run as long.
"""

import os

import pytest
from msgspec.structs import replace

from operators.rules.burn_rate import BurnRateEvaluator
from tests.bench.simulate_rules import MINUTES, WEEK, bare_false, burn, threshold_false, threshold_found
from tests.judged import Watch, sre

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS, PANES = (200, WEEK) if PROVE else (1_000, 1_500)
AN_HOUR = 10 / 3_600  # Ten requests.


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 1.0, 5.0])
def test_a_true_97_percent_alarms_at_most_once_in_ten_weeks(rate: float) -> None:
    """Against a target of 95 % over 5 m for 10 m, at so many requests a second."""
    assert threshold_false(rate, RUNS, PANES) <= 0.1


def test_the_ratio_alone_would_alarm_every_few_hours() -> None:
    assert bare_false(0.05, 100, 3_000) > 10


@pytest.mark.parametrize("rate", [1.0, 5.0, 50.0])
def test_a_fall_to_85_percent_is_found_within_the_window_and_the_time(rate: float) -> None:
    assert threshold_found(rate, 2_000 if PROVE else 400).within(15) >= 0.99


@pytest.mark.parametrize("rate", [AN_HOUR, 1.0])
def test_half_of_the_budget_burns_without_alarm(rate: float) -> None:
    """0.05 % bad at a target of 99.9 %: at most one alarm in ten weeks, and no page in twenty."""
    runs, days = (200, 7) if PROVE else (100, 1.5)
    alarms = burn(sre(0.999), rate, runs, days, lambda pane: 0.0005, 3)
    assert alarms.a_week(60) <= 0.1
    assert alarms.pages_a_week(60) <= 0.05


@pytest.mark.parametrize("requests_before", [0, 1, 3, 10, 30, 240, 2_000])
def test_one_failure_among_ten_requests_an_hour_pages_nobody(requests_before: int) -> None:
    """Not even as the first request of a series; the ticket of 3 days needs a second one, too."""
    seen = Watch(BurnRateEvaluator(sre(0.999), MINUTES))
    for request in range(requests_before + 100):
        seen.of(*((0, 1) if request == requests_before else (1, 0)))
        seen.of(0, 0, panes=5)
    assert "BAD" not in [verdict.word for verdict in seen.told]


def test_ninety_percent_failures_of_little_traffic_page_within_minutes() -> None:
    assert burn(sre(0.999), 0.5, 300, 0.1, lambda pane: 0.9, 4, "page").minutes(0.99, 60) <= 5


def test_a_trickle_is_found_by_the_window_of_three_days() -> None:
    """1 % of ten requests an hour: no page tells of it, a ticket does."""
    found = burn(sre(0.999), AN_HOUR, 100, 5 if PROVE else 4, lambda pane: 0.01, 5)
    assert found.minutes(0.5, 60) <= 3 * 1_440


def test_the_page_at_a_target_of_95_percent_needs_72_percent_failures() -> None:
    """14.4 * (1 - 0.95): 65 % never page at once, 80 % do."""
    first = replace(sre(0.95), tiers=sre(0.95).tiers[:1])
    assert burn(first, 1.0, 50, 0.2, lambda pane: 0.65, 7, "page").count == 0
    assert burn(first, 1.0, 50, 0.2, lambda pane: 0.8, 7, "page").within(60, 60) == 1.0
