"""Requests that lose their slices when they fail; tests/bench/simulate_outcome_slices.py has the cases."""

import os

import numpy as np
import pytest

from operators.rules.guard import EVENTS_MIN, pure, whole
from tests.bench.simulate_outcome_slices import EQUAL, WORSE, Case, found
from tests.releasing import CANARY, RELEASE, Counts, Story
from tests.saving import again

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS, MINUTES = (100, 180) if PROVE else (4, 60)
BY_NAME = {case.name: case for case in WORSE}
IN_BLIPS = CANARY.replace('blip = "0s"', 'blip = "1m"')
LOST = ""  # The region of a request that has lost it.
BEFORE: Counts = {("v1", "eu"): (50, 0), ("v1", "us"): (49, 0), ("v1", LOST): (0, 1)}


@pytest.mark.parametrize("case", EQUAL if PROVE else EQUAL[1:2], ids=lambda case: case.name)
def test_as_many_failures_that_lose_their_slices_roll_nothing_back(case: Case) -> None:
    assert np.isfinite(found(case, RUNS, minutes=MINUTES)).mean() <= 0.05


@pytest.mark.parametrize(("name", "minutes"), [("50 against 1 %", 9), ("5 against 0 %", 25)])
def test_many_more_of_them_do_and_are_not_seen_within_slices(name: str, minutes: float) -> None:
    case = BY_NAME[name]
    assert np.isinf(found(case, RUNS, guarded=False, minutes=20)).all()
    after = found(case, RUNS, minutes=MINUTES)
    assert np.isfinite(after).all()
    assert np.median(after) <= minutes


@pytest.mark.parametrize("rules", [CANARY, IN_BLIPS])
def test_half_of_the_requests_fail_and_lose_their_region(rules: str) -> None:
    story = Story(rules, RELEASE)
    assert story.play(BEFORE, panes=60) == []
    beside = BEFORE | {("v2", "eu"): (5, 0), ("v2", "us"): (5, 0), ("v2", LOST): (0, 10)}
    event = story.until("rollback", beside, panes=90)
    assert (event.version, event.pin, event.slices[0].slice) == ("v2", "v1", "*")
    assert "as if slices were known after them" in (event.evidence.reason or "")
    assert event.evidence.candidate is not None
    assert event.evidence.candidate.ratio == pytest.approx(0.5)


def test_so_it_is_after_a_restart() -> None:
    story = Story(IN_BLIPS, RELEASE)
    story.play(BEFORE, panes=60)
    beside = BEFORE | {("v2", "eu"): (5, 0), ("v2", "us"): (5, 0), ("v2", LOST): (0, 10)}
    types = [line.split()[0] for line in story.play(beside, panes=20)]
    story.restart()
    assert "rollback" not in types
    story.until("rollback", beside, panes=60)


def test_nothing_is_promoted_while_more_of_them_are_the_candidates() -> None:
    """Twice as many are no proof of harm; what keeps its slices is well."""
    story = Story(CANARY, RELEASE)
    some: Counts = {("v1", "eu"): (100, 20), ("v1", LOST): (0, 5), ("v2", "eu"): (100, 20), ("v2", LOST): (0, 10)}
    story.play({("v1", "eu"): (100, 20), ("v1", LOST): (0, 5)}, panes=60)
    assert not {line.split()[0] for line in story.play(some, panes=120)} & {"promote", "rollback"}
    alike = some | {("v2", LOST): (0, 5)}
    other = Story(CANARY, RELEASE)
    other.play({("v1", "eu"): (100, 20), ("v1", LOST): (0, 5)}, panes=60)
    other.until("promote", alike, panes=120)


def test_a_slice_is_taken_for_an_outcome_only_by_what_came_before() -> None:
    few, many = [EVENTS_MIN - 1] * 2 + [0, 0], [EVENTS_MIN] * 2 + [0, 0]
    mixed = [50, 46, 50, 50]
    seen = np.array([few, many, mixed, [50, 10, 50, 50]])[:, None]
    assert pure(seen)[:, 0].tolist() == [False, True, True, False]
    came = np.array([[5, 5, 5, 5], [3, 2, 1, 0], [1, 1, 0, 0], [9, 9, 9, 9]])[:, None]
    assert whole(seen, came).tolist() == [[18, 3, 15, 0]]
    assert again(seen).tolist() == seen.tolist()
