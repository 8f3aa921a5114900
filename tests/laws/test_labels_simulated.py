"""Releases whose labels come late, simulated: good ones and bad ones not at the same time, or one version's later.

By the time when labels come, every one of these is judged wrongly; the same streams without `request_ts` show it. The
long form, with rates, is `tests/bench/simulate_labels.py`.
"""

import os

import pytest

from tests.bench.simulate_labels import CASES, HISTORY
from tests.labelled import minute, play, policy, who

RUNS = 40 if os.environ.get("ROLLGUARD_PROVE") else 5
MATURE = 45  # Minutes: labels take 15 to 45, and steps of ages are an eighth.


@pytest.mark.parametrize("name", ["as good, bad labels slow", "as good, bad labels fast"])
def test_labels_that_come_unevenly_roll_no_good_version_back(name: str) -> None:
    said = play(CASES[name], policy(), runs=RUNS, minutes=230)
    assert len(who(said, "rollback")) <= 0.05 * RUNS
    assert min(minute(event) for event in said if event.type == "promote") >= HISTORY + 30


@pytest.mark.parametrize("name", ["x3, bad labels slow", "x3, bad labels fast"])
def test_what_is_worse_is_rolled_back_and_never_promoted(name: str) -> None:
    said = play(CASES[name], policy(), runs=RUNS, minutes=HISTORY + 120)
    assert who(said, "promote") == set()
    assert len(who(said, "rollback")) == RUNS
    at_once = play(CASES["x3, labels at once"], policy(), runs=RUNS, minutes=HISTORY + 60)
    latest = max(minute(event) for event in at_once if event.type == "rollback")
    assert max(minute(event) for event in said if event.type == "rollback") <= latest + MATURE + 2
    for event in said:
        if event.type == "rollback":
            maturity = event.evidence.maturity
            assert maturity is not None
            assert (maturity.learned, maturity.final, maturity.undated) == (True, True, 0)
            assert 30 <= maturity.age_ms / 60_000 <= MATURE


def test_without_a_past_slow_bad_labels_are_waited_for() -> None:
    """Nobody knows yet how slow they are: the age grows with what comes, and nothing is promoted meanwhile."""
    said = play(CASES["x3, bad labels slow, no past"], policy(), runs=RUNS, minutes=150)
    assert who(said, "promote") == set()
    assert len(who(said, "rollback")) == RUNS


@pytest.mark.parametrize("maturity", ["", 'maturity = "20m"'])
def test_late_labels_of_one_version_make_no_shared_incident_its_own(maturity: str) -> None:
    said = play(CASES["as good, late labels, incident"], policy(maturity), runs=RUNS, minutes=HISTORY + 120, seed=2)
    assert len(who(said, "rollback")) <= 0.05 * RUNS
    # Learned from the baseline the age is 3 minutes: none of the candidate's labels is so young.
    promoted = len(who(said, "promote"))
    assert promoted >= 0.6 * RUNS if maturity else promoted == 0


def test_a_candidate_whose_good_labels_come_later_is_not_rolled_back_for_that() -> None:
    """By the age at which the baseline's labels have come, its own are mostly bad: all were rolled back.

    Ten times as slow they have not even begun to come, so no label says that they are slow.
    """
    said = play(CASES["as good, its good labels ten times as slow"], policy(), runs=RUNS, minutes=HISTORY + 60)
    assert len(who(said, "rollback")) <= 0.05 * RUNS
    assert who(said, "promote") == set()


def test_one_that_is_worse_is_rolled_back_though_its_good_labels_are_slow() -> None:
    said = play(CASES["x3, its good labels ten times as slow"], policy(), runs=RUNS, minutes=HISTORY + 60)
    assert len(who(said, "rollback")) == RUNS


@pytest.mark.parametrize("name", ["x2, its bad labels twice as slow", "x2, its bad labels ten times as slow"])
def test_one_whose_bad_labels_come_later_is_not_promoted(name: str) -> None:
    """By that age hardly any of its bad ones have come: one in four and all were promoted after half an hour."""
    said = play(CASES[name], policy(), runs=RUNS, minutes=HISTORY + 60)
    assert len(who(said, "promote")) <= 0.05 * RUNS


def test_where_few_requests_get_labels_slow_bad_ones_are_waited_for() -> None:
    """One request in twenty has a label: all of these were promoted within the hour, before any bad one came."""
    name = "one in twenty, x2, its bad labels ten times as slow"
    said = play(CASES[name], policy(), runs=RUNS // 2 + 1, minutes=HISTORY + 60)
    assert who(said, "promote") == set()
    held = [each for each in said if each.type == "hold" and each.severity == "ticket"]
    assert held
    assert "fewer labels of v2 have come, or fewer bad ones, than of v1" in (held[0].slices[0].evidence.reason or "")


def test_by_the_time_when_labels_come_all_that_is_judged_wrongly() -> None:
    wrong = {"as good, bad labels fast": "rollback", "x3, bad labels slow": "promote"}
    for name, kind in wrong.items():
        said = play(CASES[name], policy(), runs=RUNS, minutes=HISTORY + 30, dated=False)
        assert len(who(said, kind)) == RUNS
        undated = [each.evidence.maturity.undated for each in said if each.type == kind and each.evidence.maturity]
        assert min(undated) > 0
