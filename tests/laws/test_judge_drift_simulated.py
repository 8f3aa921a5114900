"""A judge that grows strict, or is another, is told from a model that grows worse, which alone is rolled back."""

import os

import pytest

from tests.judge_drift import A_MINUTE, MINUTES, Story, played

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SEEDS = range(20 if PROVE else 1)
QUIET = MINUTES if PROVE else 60
# A judge has a golden round each minute, and one in a thousand may find it wrong by chance (`golden.DOUBT`).
A_FEW = 5 * A_MINUTE if PROVE else 0


@pytest.mark.parametrize(
    ("seed", "story"), [(seed, story) for seed in SEEDS for story in ("strict judge", "new judge")]
)
def test_a_judge_that_changes_rolls_nothing_back(seed: int, story: Story) -> None:
    found = played(seed, story)
    assert found.kinds <= {"judge"}
    assert found.kinds == {"judge"} or story == "new judge"
    assert found.disbelieved > 0
    assert not {event.type for event in found.events} & {"rollback", "kill", "throttle"}


@pytest.mark.parametrize("seed", SEEDS)
def test_one_that_grows_strict_between_two_rounds_of_golden_cases_rolls_nothing_back(seed: int) -> None:
    """A monitor may find it before they do, and call it a drift of the model: nobody knows better by then."""
    found = played(seed, "strict between rounds")
    assert found.disbelieved > 0
    assert not {event.type for event in found.events} & {"rollback", "kill", "throttle"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_that_grows_worse_is_rolled_back(seed: int) -> None:
    found = played(seed, "worse model")
    assert found.kinds == {"concept"}
    assert found.disbelieved <= A_FEW
    (rollback,) = (event for event in found.events if event.type == "rollback")
    assert (rollback.version, rollback.rule) == ("v2", "helpful-slo")


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_said_while_nothing_changes(seed: int) -> None:
    found = played(seed, "quiet", QUIET)
    assert found.kinds == set()
    assert found.disbelieved <= A_FEW
