"""Rules without a comparison that act on a candidate, and the alerts that rules make."""

from typing import Any

import numpy as np
import pytest

from operators.policy.policy import Policy
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    PANE_MS,
    SLOWLY,
    THRESHOLD,
    WELL,
    Counts,
    Story,
    release,
    short,
)

BURN = """
[[rule]]
name = "budget"
kind = "burn_rate"
sli = "ok"
target = 0.95
period = "1d"
tiers = [{ share = 0.05, long = "10m", short = "1m", severity = "page" }]
action = "rollback"
"""
SLOW = """
[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "mean"
at_most = 100
window = "1m"
action = "rollback"
"""
ROLLBACK = THRESHOLD.replace('"alert"', '"rollback"')
# One pane in which the window of a minute is below the target, and panes that bring it back.
DIP: Counts = {"v1": WELL, "v2": (60, 40)}


def acting(action: str) -> str:
    return THRESHOLD.replace('"alert"', f'"{action}"')


@pytest.mark.parametrize("rules", [ROLLBACK, BURN])
def test_a_rule_may_roll_a_candidate_back(rules: str) -> None:
    story = Story(rules).settled()
    event = story.until("rollback", BAD_NEWS)
    assert (event.version, event.pin) == ("v2", "v1")
    assert event.evidence.good is not None
    assert "alert" not in [told.type for told in story.told]  # The rollback says it.


def slow(story: Story, version: str, mean: int) -> list[WindowCounts]:
    """The window of a minute in which a version took so long, if one ends with the next pane."""
    end_ms = (story.next + 1) * PANE_MS
    if end_ms % 60_000:
        return []
    policy: Policy = story.policy
    n = 1_000
    return [
        WindowCounts(
            window=policy.windows[0],
            end_ms=end_ms,
            names=[SliceSeries("m", version, "*", {})],
            events=np.array([n]),
            slis=np.zeros((1, 2, 3), np.int64),
            sums=np.array([[[n, 0, n * mean * 10 ** policy.measures[0].digits]]]),
            extremes=np.zeros((1, 1, 2)),
            quantiles=np.full((1, 1, 5), float(mean)),
        )
    ]


def play_slow(story: Story, mean: int, panes: int) -> list[str]:
    return [short(event) for _ in range(panes) for event in story.pane(GOOD_NEWS, windows=slow(story, "v2", mean))]


def test_a_measure_may_roll_back_and_recovers_when_what_serves_is_well() -> None:
    story = Story(SLOW).settled()
    assert play_slow(story, 50, 12) == []
    assert play_slow(story, 500, 6) == ["rollback v2 slow"]
    story.play(OLD, panes=20)
    assert [event.type for event in story.told] == ["rollback", "rollback_applied"], "nothing is known of v1's latency"
    for _ in range(20):
        story.pane(OLD, windows=slow(story, "v1", 50))
    assert [event.type for event in story.told] == ["rollback", "rollback_applied", "recovered"]


# --- Holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_lasts_as_long_as_its_rule_is_bad() -> None:
    story = Story(acting("hold") + SLOWLY).settled()
    story.play(GOOD_NEWS, panes=5)
    told = story.play({"v1": (80, 20), "v2": (80, 20)}, panes=6)
    assert told == ["hold v2 slo", "alert v1 slo firing", "alert v2 slo firing"]
    story.restart()
    story.until("promote", {"v1": (990, 10), "v2": (990, 10)})
    assert "alert v2 slo resolved" in [short(event) for event in story.told]


def test_a_throttle_ends_with_its_reason() -> None:
    story = Story(acting("throttle")).settled()
    story.play(GOOD_NEWS, panes=5)
    told = story.play(DIP, panes=3) + story.play(GOOD_NEWS, panes=60)
    assert [text for text in told if "throttle" in text] == ["throttle v2 slo firing", "throttle v2 slo resolved"]


def test_any_bad_verdict_on_a_candidate_holds_its_promotion() -> None:
    """Also one that only alerts."""
    story = Story(THRESHOLD + CANARY).settled()
    worse: Counts = {"v1": (80, 20), "v2": (85, 15)}
    assert "promote v2 canary" not in story.play(worse, panes=300)
    assert "alert v2 slo firing" in [short(event) for event in story.told]


# --- What was found before a release ----------------------------------------------------------------------------------


def again() -> Story:
    """v2 was rolled back by a threshold, which nothing has taken back since; it is released again."""
    story = Story(ROLLBACK).settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, panes=30)
    story.play(OLD, said=[release()])
    return story


def test_a_version_that_is_released_again_has_the_time_to_show_that_it_is_well() -> None:
    story = again()
    story.play(GOOD_NEWS, panes=60)
    assert [event.type for event in story.told].count("rollback") == 1


def test_if_it_is_as_bad_as_before_it_is_rolled_back_again() -> None:
    """The rule never called it well in between, so its verdict did not change."""
    story = again()
    began = story.now
    event = story.until("rollback", BAD_NEWS)
    assert 60_000 <= event.ts - began <= 90_000


def test_nothing_is_done_while_it_does_not_serve() -> None:
    story = again()
    story.play(OLD, panes=60)
    assert [event.type for event in story.told].count("rollback") == 1


def test_an_alert_about_a_version_that_is_released_again_is_told_again() -> None:
    story = Story(THRESHOLD + CANARY.replace('blip = "0s"', 'blip = "1m"')).settled()
    story.until("rollback", BAD_NEWS)
    assert "alert v2 slo resolved" in story.play(OLD, panes=30)
    story.play(OLD, said=[release(baseline="v0")])  # There is nothing to compare it with.
    told = story.play(BAD_NEWS, panes=30)
    assert told.count("alert v2 slo firing") == 1


# --- Alerts -----------------------------------------------------------------------------------------------------------

SLICED = THRESHOLD + 'slices = ["*", "region"]\n'


def test_slices_that_turn_bad_together_are_one_alert() -> None:
    story = Story(SLICED)
    down: Counts = {("v1", region): (50, 50) for region in ("eu", "us", "jp")}
    assert story.play(down, panes=30) == ["alert v1 slo firing"]
    assert {each.slice for each in story.told[0].slices} == {"*", "region=eu", "region=jp", "region=us"}


def test_another_slice_is_told_with_all_of_them_the_worst_first() -> None:
    story = Story(SLICED)
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): WELL}, panes=30)
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): (5, 95)}, panes=30)
    assert [short(event) for event in story.told] == ["alert v1 slo firing"] * 2
    assert story.told[1].slices[0].slice == "region=us"


def test_an_alert_is_resolved_once_no_slice_is_left() -> None:
    story = Story(SLICED)
    story.play({("v1", "eu"): (50, 50), ("v1", "us"): (50, 50)}, panes=30)
    assert story.play({("v1", "eu"): (50, 50), ("v1", "us"): WELL}, panes=30) == []
    assert story.play({("v1", "eu"): WELL, ("v1", "us"): WELL}, panes=30) == ["alert v1 slo resolved"]


ABSENCE = """
[[rule]]
name = "gone"
kind = "absence"
scope = "version"
after = "1m"
"""


def stale(*plays: tuple[Counts, int]) -> list[str]:
    story = Story(CANARY + ABSENCE).settled()
    told: list[str] = []
    for counts, panes in plays:
        told += story.play(counts, panes=panes)
    return [text for text in told if "gone" in text]


@pytest.mark.parametrize(
    ("plays", "told"),
    [
        ([({}, 20)], ["alert v1 gone firing"]),
        ([({}, 20), (OLD, 1)], ["alert v1 gone firing", "alert v1 gone resolved"]),
        ([(GOOD_NEWS, 5), (OLD, 20)], ["alert v2 gone firing"]),
        ([(GOOD_NEWS, 300), ({"v2": WELL}, 20)], []),  # v1 was replaced.
        ([(BAD_NEWS, 10), (OLD, 60)], []),  # v2 was withdrawn.
        ([(BAD_NEWS, 10), (OLD, 20), ({}, 20)], ["alert v1 gone firing"]),
    ],
)
def test_only_a_version_that_ought_to_serve_is_missed(plays: Any, told: list[str]) -> None:
    assert stale(*plays) == told


def test_the_alert_of_a_rule_that_is_taken_out_is_resolved() -> None:
    story = Story(THRESHOLD + CANARY).settled()
    story.play({"v1": (50, 50)}, panes=10)
    story.restart(rules=CANARY)
    assert story.play(OLD) == ["alert v1 slo resolved"]
    assert story.told[-1].reason == "slo is no rule any more"
