"""Incidents: what belongs together has one id, people are woken for it once, and it is closed."""

import pytest

from operators.wire.control import ControlEvent
from tests.releasing import BAD_NEWS, CANARY, GOOD_NEWS, OLD, THRESHOLD, WELL, Story, ack, short

QUALITY = THRESHOLD.replace('"slo"', '"good"').replace('sli = "ok"', 'sli = "quality"').replace('"ticket"', '"page"')
SLOS = THRESHOLD.replace('"ticket"', '"page"')


def wakes(events: list[ControlEvent]) -> list[str]:
    return [short(event) for event in events if event.severity == "page" and not event.update]


def test_a_release_that_ends_with_a_rollback_is_one_incident_and_pages_once() -> None:
    story = Story(QUALITY + CANARY).settled()
    story.play(GOOD_NEWS, panes=5, quality={"v1": WELL, "v2": (50, 50)})
    assert wakes(story.told) == ["alert v2 good firing"]
    story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    about = [event for event in story.told if event.version == "v2"]
    assert len({event.incident for event in about}) == 1
    assert len([event for event in about if event.severity == "page"]) > 1
    assert len(wakes(story.told)) == 1
    assert [event.type for event in story.told if event.closes] == ["recovered"]
    assert story.judge.state.models["m"].incidents == {}


def test_another_release_is_another_incident() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    story.until("rollback", {"v1": WELL, "v3": (12, 8)})
    first, second = [event for event in story.told if event.type == "rollback"]
    assert first.incident != second.incident
    assert not second.update


def test_a_withdrawn_version_that_serves_again_pages_again() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    again = story.until("rollback", {"v1": WELL, "v2": (20, 0)})
    assert not again.update
    assert again.incident != story.told[0].incident


def test_a_rollback_that_does_not_help_pages_again() -> None:
    story = Story().settled()
    first = story.until("rollback", BAD_NEWS)
    second = story.until("rollback_ineffective", BAD_NEWS)
    assert not second.update
    assert first.incident != second.incident


def test_outside_of_a_release_each_rule_is_an_incident() -> None:
    """An outage must not hide that answers are bad as well."""
    story = Story(SLOS + QUALITY).settled()
    story.play({"v1": (50, 50)}, panes=10)
    story.play({"v1": (50, 50)}, panes=10, quality={"v1": (50, 50)})
    assert wakes(story.told) == ["alert v1 slo firing", "alert v1 good firing"]
    story.play(OLD, panes=20, quality={"v1": (100, 0)})
    assert [(short(event), event.closes) for event in story.told[-2:]] == [
        ("alert v1 slo resolved", True),
        ("alert v1 good resolved", True),
    ]
    assert len({event.incident for event in story.told}) == 2


def test_an_update_has_the_incident_of_the_first_and_a_new_revision() -> None:
    story = Story(SLOS + 'slices = ["region"]\n')
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): WELL}, panes=30)
    story.play({("v1", "eu"): (5, 95), ("v1", "us"): (80, 20)}, panes=30)
    first, second = story.told
    assert (first.incident, first.update, second.update) == (second.incident, False, True)
    assert second.revision > first.revision
    assert second.id != first.id
    # What is new comes first, whatever else is worse.
    assert [each.slice for each in second.slices] == ["region=us", "region=eu"]
    assert wakes(story.told) == ["alert v1 slo firing"]


@pytest.mark.parametrize("which", [0, 1])
def test_somebody_who_looks_after_it_may_name_any_of_its_events(which: int) -> None:
    story = Story(SLOS + 'slices = ["region"]\n')
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): WELL}, panes=30)
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): (80, 20)}, panes=30)
    (event,) = story.pane(OLD, said=[ack(story.told[which].id)])
    assert event.acked
    assert event.update


def test_two_slis_of_a_slice_do_not_hide_each_other() -> None:
    """One of them is well again while the other is as bad as before: nothing is resolved."""
    two = CANARY.replace('slis = ["ok"]', 'slis = ["ok", "quality"]').replace('"rollback"', '"alert"')
    story = Story(two).settled()
    story.play(BAD_NEWS, panes=40, quality={"v1": WELL, "v2": (12, 8)})
    firing = next(iter(story.judge.state.models["m"].alerts.firing.values()))
    whole = [each for each in firing.slices.values() if each.slice == "*"]
    assert {each.evidence.sli for each in whole} == {"ok", "quality"}


def test_the_alert_of_a_version_without_traffic_is_resolved_and_fires_again_when_it_serves() -> None:
    story = Story(SLOS + CANARY.replace('"rollback"', '"alert"')).settled()
    story.play(GOOD_NEWS, panes=10)
    story.play({"v1": (80, 20), "v2": WELL}, panes=10)
    assert [short(event) for event in story.told if event.type == "alert"] == ["alert v1 slo firing"]
    told = story.play({"v2": WELL}, panes=100)
    assert "alert v1 slo resolved" in told
    over = next(event for event in story.told if short(event) == "alert v1 slo resolved")
    assert over.closes
    assert over.reason == "v1 has had no requests for 15 minutes"
    again = story.pane({"v1": (8, 2), "v2": WELL})
    assert "alert v1 slo firing" in [short(event) for event in again]


def test_the_alert_of_a_candidate_without_traffic_is_resolved_once() -> None:
    """It counted against its release still, and so fired, and was resolved, with every pane: hundreds of tickets."""
    story = Story(SLOS + CANARY.replace("tolerance_points = 0.0", "tolerance_points = 0.9")).settled()
    story.play({"v1": WELL, "v2": (10, 10)}, panes=10)
    assert [short(event) for event in story.told] == ["alert v2 slo firing"]
    assert [each for each in story.play(OLD, panes=150) if " slo " in each] == ["alert v2 slo resolved"]
    again = story.pane({"v1": WELL, "v2": (10, 10)})
    assert "alert v2 slo firing" in [short(event) for event in again]


def test_silence_of_all_is_no_end() -> None:
    """Nobody serves: that the version has no requests says nothing of it."""
    story = Story(SLOS).settled()
    story.play({"v1": (50, 50)}, panes=10)
    assert story.play({}, panes=200) == []


def test_an_incident_survives_a_restart() -> None:
    story = Story(SLOS + 'slices = ["region"]\n')
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): WELL}, panes=30)
    story.restart()
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): (80, 20)}, panes=30)
    first, second = story.told
    assert (first.incident, second.update) == (second.incident, True)
