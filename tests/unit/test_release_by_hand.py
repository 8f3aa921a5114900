"""What people take out, pin and unpin by command."""

import pytest

from gateway.pins import PinTable
from operators.wire.commands import Pin, Rollback
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    SMALL_WELL,
    WELL,
    Counts,
    Story,
    kill,
    override,
    pin,
    release,
    rollback,
    short,
    unpin,
)

THREE: Counts = {"v1": WELL, "v2": SMALL_WELL, "v3": SMALL_WELL}


def table(story: Story) -> PinTable:
    pins = PinTable()
    for event in story.told:
        pins.take(event)
    return pins


def allowed(story: Story) -> list[str]:
    return [version for version in ("v1", "v2", "v3") if table(story).allows("m", version)]


def test_a_version_is_killed_by_hand() -> None:
    story = Story().settled()
    assert story.play(THREE, said=[kill("v2")]) == ["kill v2 commands:kill"]
    event = story.told[-1]
    assert (event.pin, event.severity, event.reason) == (None, "info", "command c6 by ann")
    assert (event.runbook, event.barred, allowed(story)) == ("infra/runbooks/overrides.md", ("v2",), ["v1", "v3"])
    story.play({"v1": WELL, "v3": SMALL_WELL}, panes=30)
    assert [short(each) for each in story.told[1:] if each.version == "v2"] == [
        "rollback_applied v2 commands:kill",
        "recovered v2 commands:kill",
    ]
    assert "kill v2 commands:kill" in story.play(THREE, panes=6), "it stays out"


def test_whoever_kills_a_version_that_never_served_is_told() -> None:
    story = Story().settled()
    story.play(THREE)
    story.play(THREE, said=[kill("V2")])
    event = story.told[-1]
    assert (event.type, event.severity, event.reason) == ("kill", "ticket", "V2 has not served; command c6 by ann")


def test_a_candidate_is_rolled_back_by_hand_to_its_baseline() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS, panes=3)
    story.play(GOOD_NEWS, said=[rollback("v2")])
    assert (story.told[-1].type, story.told[-1].pin, allowed(story)) == ("rollback", "v1", ["v1"])


def test_any_version_is_rolled_back_by_hand_to_what_is_named() -> None:
    story = Story().settled()
    story.play(OLD, said=[rollback("v1", to="rules")])
    assert (story.told[-1].type, story.told[-1].pin) == ("rollback", "rules")
    assert (table(story).pin("m"), allowed(story)) == ("rules", [])


def test_without_a_name_the_only_version_is_not_rolled_back() -> None:
    story = Story().settled()
    assert story.play(OLD, said=[rollback("v1")]) == ["alert v1 commands:withdrawn firing"]
    assert story.told[-1].reason == (
        "the rollback is not possible: there is nothing to go back from v1 to: say which (--to); command c7 by ann"
    )
    assert allowed(story) == ["v1", "v2", "v3"]


def test_the_busiest_goes_back_to_the_busiest_other_by_hand() -> None:
    story = Story()
    story.play({"v1": WELL, "v2": SMALL_WELL})
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[rollback("v1")])
    assert story.told[-1].pin == "v2"


@pytest.mark.parametrize("said", [pin("v2"), rollback("v1", to="v2")])
def test_what_was_withdrawn_is_not_pinned_by_hand(said: object) -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, panes=60)
    (event,) = story.pane(OLD, said=[said])  # type: ignore[list-item]
    assert (event.rule, event.severity, event.pin) == ("commands:withdrawn", "ticket", "v1")
    assert "v2 was withdrawn" in event.reason


def test_all_traffic_is_pinned_by_hand_and_let_go() -> None:
    story = Story().settled()
    story.play(THREE)
    assert story.play(THREE, said=[pin("v2")]) == ["alert v2 commands:pin firing"]
    assert (story.told[-1].reason, allowed(story)) == ("all traffic goes to v2; command c8 by ann", ["v2"])
    assert story.play(THREE, said=[unpin()]) == ["alert v2 commands:unpin firing"]
    assert (story.told[-1].reason, allowed(story)) == (
        "command c9 by ann lifts the pin on v2",
        ["v1", "v2", "v3"],
    )
    story.play(THREE, said=[unpin()])
    assert (story.told[-1].reason, story.told[-1].lifts) == ("there is no pin to lift here; command c9 by ann", True)


def test_letting_a_pin_go_frees_none_of_the_withdrawn() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, said=[unpin()])
    assert "withdrawn all the same: v2" in story.told[-1].reason
    assert allowed(story) == ["v1", "v3"]
    assert "rollback v2 canary" in story.play(BAD_NEWS, panes=6), "it is looked for"


def test_what_an_override_let_run_is_killed_by_hand() -> None:
    """The last word counts."""
    story = Story().settled()
    story.play(GOOD_NEWS, said=[override("v2")])
    story.play(GOOD_NEWS, said=[kill("v2")])
    assert allowed(story) == ["v1", "v3"]
    story.play(OLD, said=[override("v2", revoked=True)])
    assert allowed(story) == ["v1", "v3"], "there is none to revoke"


def test_what_was_rolled_back_may_be_sent_elsewhere_by_hand() -> None:
    story = Story(CANARY).settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD | {"v3": SMALL_WELL}, said=[rollback("v2", to="v3")])
    assert (story.pin, story.told[-1].barred) == ("v3", ("v2",))
    story.play({"v3": WELL}, panes=30)
    assert story.release_of().phase == "recovered"


def test_whoever_kills_the_only_version_is_told_that_nobody_serves() -> None:
    story = Story().settled()
    story.play(OLD, said=[kill("v1")])
    event = story.told[-1]
    assert (event.severity, event.reason) == ("page", "no other version serves; command c6 by ann")
    assert allowed(story) == ["v2", "v3"]


@pytest.mark.parametrize("command", [pin("v9"), rollback("v1", to="v9")], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("fallback", "severity"), [("", "ticket"), ('[release.fallback]\n"*" = "v9"\n', "info")])
def test_traffic_that_is_sent_to_what_never_served_makes_a_ticket(
    command: Pin | Rollback, fallback: str, severity: str
) -> None:
    """A mistyped version got all the traffic, and was told of like any other pin; what the policy names is meant."""
    story = Story(fallback).settled()
    story.play(GOOD_NEWS, said=[command])
    event = story.told[-1]
    assert (event.severity, event.pin, "v9 has not served" in event.reason) == (severity, "v9", True)


def test_whoever_mistypes_a_model_hears_that_nobody_has_heard_of_it() -> None:
    story = Story()
    story.play(said=[pin("v1")])
    (event,) = story.told
    assert event.severity == "ticket"
    assert event.reason == "all traffic goes to v1; v1 has not served; nobody has heard of m; command c8 by ann"


def test_what_was_killed_by_hand_may_be_released() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS, said=[kill("v2")])
    story.play(OLD, said=[release("v2", "v1")])
    assert allowed(story) == ["v1", "v2", "v3"]
    assert story.release_of().phase == "rolling_out"
