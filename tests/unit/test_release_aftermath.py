"""After a rollback: whether the traffic moved, whether users are well, and when."""

import numpy as np
import pytest

from operators.stats.recovery_test import Health
from operators.wire.control import ControlEvent
from tests.releasing import BAD_NEWS, CANARY, OLD, SMALL_WELL, WELL, Story, release


def rolled_back(rules: str = CANARY) -> Story:
    story = Story(rules).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    story.until("rollback", BAD_NEWS)
    return story


def last(story: Story, kind: str) -> ControlEvent:
    return [event for event in story.told if event.type == kind][-1]


def test_each_time_is_told_once_it_is_known() -> None:
    """Onset at pane 63, found with its second, the traffic moves three panes later."""
    story = rolled_back()
    rollback = story.told[-1]
    story.play(BAD_NEWS, panes=3)
    moved = story.now
    story.play(OLD, panes=30)
    applied, recovered = last(story, "rollback_applied"), last(story, "recovered")
    assert rollback.onset is not None
    assert rollback.ts - 30_000 <= rollback.onset < rollback.ts
    assert (rollback.detected, rollback.applied, rollback.recovered) == (rollback.ts, None, None)
    assert (applied.onset, applied.detected, applied.applied) == (rollback.onset, rollback.ts, moved)
    assert (recovered.applied, recovered.recovered) == (moved, recovered.ts)
    assert moved < recovered.ts <= moved + 90_000


def test_traffic_that_moved_at_once_was_moved_when_it_was_found() -> None:
    story = rolled_back()
    story.play(OLD, panes=5)
    assert last(story, "rollback_applied").applied == last(story, "rollback").ts


def test_a_trickle_below_the_share_counts_as_moved() -> None:
    """Half a percent of the requests, where the policy allows one."""
    story = rolled_back()
    story.until("rollback_applied", {"v1": (990, 10), "v2": (5, 0)})


def test_a_trickle_above_it_does_not() -> None:
    story = rolled_back()
    told = story.play({"v1": WELL, "v2": (2, 0)}, panes=40)
    assert told == ["rollback_ineffective v2 canary"]
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == ("page", "v2 still serves")
    assert event.ts == last(story, "rollback").ts + 300_000


def test_a_gateway_that_ignores_the_pin_is_paged_for_within_a_minute_of_the_drain() -> None:
    """And nothing is ever called applied or recovered, whatever the version that was pinned does."""
    story = rolled_back()
    told = story.play({"v1": WELL, "v2": SMALL_WELL}, panes=400)
    assert told == ["rollback_ineffective v2 canary"]
    event = last(story, "rollback_ineffective")
    assert event.reason.startswith("v2 still serves: ")
    assert (event.severity, event.applied) == ("page", None)
    assert 60_000 < event.ts - last(story, "rollback").ts <= 120_000


def test_a_gateway_that_obeys_within_the_drain_wakes_nobody() -> None:
    story = rolled_back()
    story.play({"v1": WELL, "v2": WELL}, panes=6)
    story.play(OLD, panes=60)
    assert [event.type for event in story.told] == ["rollback", "rollback_applied", "recovered"]


def test_a_trickle_that_never_moved_is_not_called_applied() -> None:
    """Half a percent is less than what may be left of a rollback: here it is what the candidate had all the time."""
    story = Story().settled()
    story.play({"v1": (1980, 20), "v2": (10, 0)}, panes=30)
    story.until("rollback", {"v1": (1980, 20), "v2": (0, 10)})
    assert "rollback_applied v2 canary" not in story.play({"v1": (1980, 20), "v2": (0, 10)}, panes=100)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == ("page", "v2 still serves")
    story.until("rollback_applied", {"v1": (1980, 20)})


def test_one_that_nobody_could_tell_of_is_told_of_when_it_serves() -> None:
    """All traffic stopped; it comes back to the version that was withdrawn."""
    story = rolled_back()
    story.play(panes=60)
    assert "rollback v2 canary" in story.play({"v2": SMALL_WELL}, panes=6)


def test_few_requests_without_the_candidate_do_not_prove_that_it_is_gone() -> None:
    """It had some 3 % of the traffic: of 90 requests three would have been its own."""
    story = Story().settled()
    story.play({"v1": (970, 0), "v2": (30, 0)}, panes=10)
    story.until("rollback", {"v1": (970, 0), "v2": (0, 30)})
    story.play({"v1": (10, 0)}, panes=30)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == (
        "ticket",
        "it had 0 of the last 300 requests: too few to be sure that it has left",
    )
    story.play({"v1": (10, 0)}, panes=30)
    assert last(story, "rollback_applied").applied == last(story, "rollback").ts


def test_a_candidate_without_requests_of_late_has_none_to_move() -> None:
    """Feedback about yesterday's requests rolls it back."""
    story = Story(CANARY.replace('["ok"]', '["quality"]')).settled()
    story.play({"v1": WELL, "v2": WELL})
    story.play(OLD, panes=60)
    story.until("rollback", OLD, quality={"v1": (50, 0), "v2": (0, 50)})
    story.play(OLD, panes=2)
    assert last(story, "rollback_applied").type == "rollback_applied"


def test_where_the_pinned_version_does_no_better_somebody_is_woken() -> None:
    story = rolled_back()
    story.play({"v1": (60, 40)}, panes=60)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == ("page", "the traffic has moved, but users are not well")
    assert event.ts == last(story, "rollback").ts + 300_000
    assert event.evidence.value == pytest.approx(0.4)
    assert [told.type for told in story.told].count("rollback_ineffective") == 1


def test_a_recovery_after_the_deadline_is_told_as_well() -> None:
    story = rolled_back()
    story.play({"v1": (60, 40)}, panes=40)
    story.until("recovered", OLD)


def test_a_bad_beginning_does_not_hide_the_recovery() -> None:
    """A minute in which the pinned version has to take the load."""
    story = rolled_back()
    story.play({"v1": (50, 50)}, panes=6)
    story.play(OLD, panes=12)
    assert last(story, "recovered").evidence.value is not None


def test_too_few_requests_to_tell_make_a_ticket_and_no_page() -> None:
    """The difference was small, and hardly anybody is there after the rollback."""
    story = Story().settled()
    story.play({"v1": (970, 30), "v2": (970, 30)}, panes=2)
    story.until("rollback", {"v1": (970, 30), "v2": (900, 100)})
    story.play({"v1": (478, 22)})
    story.play({"v1": (1, 0)}, panes=60)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == (
        "ticket",
        "the traffic has moved; too few requests to tell whether users are well",
    )


def test_if_all_traffic_stops_somebody_is_woken() -> None:
    """The command may have broken more than it mended."""
    story = rolled_back()
    story.play(panes=60)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == (
        "page",
        "no requests since then: nothing serves, or what serves sends no events",
    )


def test_if_the_pinned_version_gets_none_of_it_somebody_is_woken() -> None:
    story = rolled_back()
    story.play({"v3": WELL}, panes=60)
    event = last(story, "rollback_ineffective")
    assert (event.severity, event.reason) == ("page", "the traffic has moved, but users are not well")
    assert event.evidence.value is None


def test_after_a_kill_whatever_else_serves_is_watched() -> None:
    story = Story(CANARY.replace('"rollback"', '"kill"')).settled()
    story.until("kill", BAD_NEWS | {"v3": SMALL_WELL})
    assert story.pin is None
    story.until("recovered", {"v1": WELL, "v3": SMALL_WELL})


def test_a_kill_ends_a_pin_on_the_version_itself() -> None:
    """v2 was pinned when v3 was rolled back; then it turns out to be bad."""
    story = Story(CANARY + 'fallback = "kill"\n').settled()
    story.until("promote", {"v1": WELL, "v2": WELL})
    story.play({"v2": WELL}, said=[release("v3", "v2")])
    story.until("rollback", {"v2": WELL, "v3": (0, 20)})
    assert story.pin == "v2"
    story.play({"v2": WELL}, panes=400)  # v1 is not known any more.
    story.play({"v1": WELL, "v2": WELL})
    event = story.until("rollback", {"v1": WELL, "v2": (0, 99)})
    assert event.pin == "v1"


def test_health_is_proven_at_its_level() -> None:
    """However often one looks: at the limit itself at most 5 in 100 are ever called well; at the better level, soon."""
    random = np.random.default_rng(7)
    proven = {0.06: 0, 0.01: 0}
    for ratio in proven:
        for _ in range(200):
            health = Health()
            for bad in random.binomial(20, ratio, size=300).tolist():
                health = health.step(20 - bad, bad, bad_max=0.06, bad_well=0.01)
                if health.log_e >= np.log(20):
                    proven[ratio] += 1
                    break
    assert proven[0.06] <= 10
    assert proven[0.01] == 200


def test_panes_without_events_do_not_count_against_health() -> None:
    assert Health().step(0, 0, bad_max=0.1, bad_well=0.05) == Health()
