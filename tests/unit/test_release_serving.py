"""Rules act on whatever serves: the only version, the first, the busiest; where they cannot, the event says so."""

import pytest

from gateway.pins import PinTable
from operators.release.sentence import sentence
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    SMALL_ILL,
    SMALL_WELL,
    THRESHOLD,
    WELL,
    Counts,
    Story,
    override,
    release,
    short,
)

TOXIC: Counts = {"v1": (60, 40)}
MINUTES = 6  # Panes.


def acting(action: str, more: str = "") -> str:
    return THRESHOLD.replace('"alert"', f'"{action}"') + more


def said(story: Story) -> list[str]:
    return [short(event) for event in story.told if event.type != "alert"]


def table(story: Story) -> PinTable:
    pins = PinTable()
    for event in story.told:
        pins.take(event)
    return pins


def test_the_only_version_is_killed_when_it_turns_toxic() -> None:
    """Within five minutes; it was served to everybody for ever, with an alert."""
    story = Story(acting("kill")).settled()
    began = story.now
    event = story.until("kill", TOXIC)
    assert event.ts - began <= 300_000
    assert (event.version, event.severity, event.pin) == ("v1", "page", None)
    assert event.reason == "no other version serves, and the policy names no fallback"
    assert not table(story).allows("m", "v1")
    story.play(TOXIC, panes=30)
    assert said(story) == ["kill v1 slo", "rollback_ineffective v1 slo"]
    assert "alert v1 slo firing" not in [short(each) for each in story.told], "the kill says it"


@pytest.mark.parametrize("action", ["kill", "rollback"])
def test_traffic_goes_to_what_the_rule_names(action: str) -> None:
    """A heuristic that sends no events, so that nobody can tell whether it serves."""
    story = Story(acting(action, 'fallback = "rules"\n')).settled()
    event = story.until(action, TOXIC)
    assert (event.pin, event.severity, event.reason) == ("rules", "ticket", "")
    assert (table(story).pin("m"), table(story).allows("m", "v1")) == ("rules", False)
    story.play(panes=60)
    assert story.told[-1].reason == "no requests since then: nothing serves, or what serves sends no events"


def test_traffic_goes_to_what_the_model_names() -> None:
    rules = acting("rollback") + '[release.fallback]\n"m*" = "v0"\n[release]\n'
    story = Story(rules, release='settle = "10s"\nknown = "1h"\n').settled()
    assert story.until("rollback", TOXIC).pin == "v0"
    story.play({"v0": WELL}, panes=30)
    assert said(story) == ["rollback v1 slo", "rollback_applied v1 slo", "recovered v1 slo"]


def test_what_was_withdrawn_is_no_fallback() -> None:
    story = Story(acting("rollback", 'fallback = "v2"\n') + CANARY).settled()
    story.until("rollback", BAD_NEWS)
    event = story.until("hold", TOXIC, panes=60)
    assert (event.version, event.severity) == ("v1", "page")
    assert event.reason.startswith("there is nothing to go back to: ")


def test_where_there_is_nothing_to_go_back_to_the_event_says_so() -> None:
    story = Story(acting("rollback")).settled()
    told = story.play(TOXIC, panes=60)
    assert told == ["hold v1 slo", "alert v1 slo firing"]
    (event,) = (each for each in story.told if each.type == "hold")
    assert (event.severity, event.pin) == ("page", None)
    assert event.reason == "there is nothing to go back to: no other version serves, and the policy names no fallback"
    assert sentence(event).startswith(
        "Version v1 of model m is left as it is, by rule slo (there is nothing to go back to"
    )


def test_a_model_may_want_to_be_killed_then() -> None:
    rules = acting("rollback") + '[release.fallback]\nm = "kill"\n[release]\n'
    story = Story(rules, release='settle = "10s"\n').settled()
    assert story.until("kill", TOXIC).severity == "page"


@pytest.mark.parametrize("settled", [False, True])
def test_the_majority_at_the_beginning_may_be_the_wrong_one(settled: bool) -> None:
    """v1 has most of the traffic when the worker begins, so v2 is compared with it, and not the other way."""
    release_table = '[release]\nsettle = "10s"\n' if settled else '[release]\nsettle = "1h"\n'
    story = Story(acting("rollback") + CANARY, release=release_table + 'deadline = "5m"\ncooldown = "1m"\n')
    event = story.until("rollback", {"v1": (60, 40), "v2": SMALL_WELL}, panes=30)
    assert (event.version, event.pin, event.barred) == ("v1", "v2", ("v1",))
    story.play({"v2": WELL}, panes=30)
    assert said(story)[-2:] == ["rollback_applied v1 slo", "recovered v1 slo"]
    assert "rollback v1 slo" in story.play({"v1": (60, 40), "v2": SMALL_WELL}, panes=MINUTES), "it stays withdrawn"


def test_in_an_outage_of_all_versions_none_is_exchanged_for_another() -> None:
    """Whichever is found BAD first: that the other does better is not sure."""
    story = Story(acting("rollback") + 'slices = ["*"]\n').settled()
    story.play({"v1": WELL, "v2": (10, 0)}, panes=30)
    story.play({"v1": (60, 40), "v2": (6, 4)}, panes=60)
    assert story.pin is None
    assert not {"rollback v1 slo", "rollback v2 slo"} & set(said(story))


def test_a_throttle_of_the_busiest_ends_with_its_reason() -> None:
    story = Story(acting("throttle"))
    told = story.play({"v1": (60, 40), "v2": SMALL_WELL}, panes=3)
    assert "throttle v1 slo firing" in told
    assert table(story).throttled("m") == ("v1",)
    told = story.play({"v1": WELL, "v2": SMALL_WELL}, panes=60)
    assert "throttle v1 slo resolved" in told
    assert table(story).throttled("m") == ()
    assert "v1" not in story.judge.state.models["m"].releases


def test_the_only_version_cannot_be_throttled_and_the_event_says_so() -> None:
    story = Story(acting("throttle")).settled()
    assert story.play(TOXIC, panes=60) == ["hold v1 slo", "alert v1 slo firing"]
    assert [each.reason for each in story.told if each.type == "hold"] == [
        "slo is BAD, but it cannot be throttled: no other version serves"
    ]


def test_a_version_that_is_killed_is_out_until_it_is_released_again() -> None:
    story = Story(acting("kill")).settled()
    story.until("kill", TOXIC | {"v2": SMALL_WELL})
    story.play({"v2": WELL}, panes=30)
    assert "kill v1 slo" in story.play({"v2": WELL, "v1": SMALL_WELL}, panes=MINUTES)
    story.play({"v2": WELL}, said=[release("v1", "v2")])
    assert table(story).allows("m", "v1")
    assert story.release_of("v1").phase == "rolling_out"


def test_an_override_lets_it_run_and_its_end_begins_anew() -> None:
    story = Story(acting("kill")).settled()
    story.until("kill", TOXIC)
    story.play(TOXIC, said=[override("v1")])
    story.play(TOXIC, panes=60)
    assert said(story) == ["kill v1 slo"]
    story.play(TOXIC, said=[override("v1", revoked=True)])
    ended = story.now
    assert story.until("kill", TOXIC).ts - ended >= 60_000, "what it did before was allowed"


@pytest.mark.parametrize(("action", "pin"), [("kill", None), ("rollback", "v1")])
def test_of_two_candidates_the_bad_one_is_taken_out_and_the_other_stays(action: str, pin: str | None) -> None:
    story = Story(CANARY.replace('"rollback"', f'"{action}"')).settled()
    event = story.until(action, {"v1": WELL, "v2": SMALL_WELL, "v3": SMALL_ILL})
    assert (event.version, event.pin, event.weights) == ("v3", pin, {"v3": 0.0})
    assert [table(story).allows("m", version) for version in ("v1", "v2", "v3")] == [True, True, False]
    assert story.release_of("v2").phase == "rolling_out"


def test_a_release_that_never_came_keeps_nobody_from_acting() -> None:
    """A ghost: it was declared, its candidate never serves, its baseline turns toxic."""
    story = Story(acting("kill") + CANARY).settled()
    story.play(OLD, said=[release("v9", "v1")])
    assert story.until("kill", TOXIC).version == "v1"


def test_other_versions_go_on_being_compared() -> None:
    """A trial of what has no release is none of the releases."""
    story = Story(acting("throttle") + CANARY)
    story.play({"v1": (60, 40), "v2": (60, 40)}, panes=3)
    assert {current.phase for current in story.judge.state.models["m"].releases.values()} >= {"serving"}
    story.restart()
    story.play(GOOD_NEWS, panes=120)
    assert set(story.judge.state.models["m"].releases) == {"v2"}
