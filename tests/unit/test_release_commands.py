"""What people and pipelines say, and what comes of it."""

from gateway.pins import PinTable
from operators.wire.control import Refusal
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    SMALL_WELL,
    THRESHOLD,
    WELL,
    Counts,
    Story,
    ack,
    override,
    release,
    short,
    silence,
    unsilence,
)

KILL = CANARY.replace('"rollback"', '"kill"')
DOWN: Counts = {"v1": (50, 50)}


def pins(story: Story) -> PinTable:
    """The table of a gateway that heard all that was said."""
    table = PinTable()
    for event in story.told:
        table.take(event)
    return table


def test_a_release_command_declares_a_release_before_its_first_request() -> None:
    story = Story().settled()
    said = release(metadata={"candidate": {"prompt": "b"}, "baseline": {"prompt": "a"}})
    assert story.play(OLD, said=[said]) == ["alert v2 commands:unseen firing"]
    assert story.release_of().phase == "rolling_out"
    event = story.until("rollback", BAD_NEWS)
    assert event.diff == {"prompt": ("a", "b")}


def test_a_release_command_describes_what_was_seen_already() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS)
    since = story.release_of().since
    story.play(GOOD_NEWS, said=[release(metadata={"candidate": {"prompt": "b"}})])
    assert (story.release_of().since, story.release_of().declared is not None) == (since, True)


def test_a_release_command_with_another_baseline_begins_anew() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS | {"v3": WELL})
    story.play(GOOD_NEWS | {"v3": WELL}, said=[release("v2", "v3")])
    assert (story.release_of().since, story.release_of().baseline) == (story.next - 1, "v3")


def test_a_release_lifts_the_pin_and_not_what_bars_the_withdrawn() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    assert story.pin == "v1"
    assert story.play(OLD | {"v3": SMALL_WELL}, said=[release("v3", "v1")]) == ["alert v3 release firing"]
    assert story.pin is None
    assert "withdrawn all the same: v2" in story.told[-1].reason
    table = pins(story)
    assert table.pin("m") is None
    assert [table.allows("m", version) for version in ("v1", "v2", "v3")] == [True, False, True]


def test_a_version_that_was_killed_may_serve_again_once_it_is_released() -> None:
    story = Story(KILL).settled()
    story.until("kill", BAD_NEWS)
    assert pins(story).killed("m") == ("v2",)
    assert story.play(OLD, said=[release()]) == ["alert v2 release firing"]
    assert pins(story).killed("m") == ()


def test_a_released_version_may_be_rolled_back_again() -> None:
    """Once for each release."""
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, panes=10)
    story.play(OLD, said=[release()])
    story.until("rollback", BAD_NEWS)
    assert [event.type for event in story.told].count("rollback") == 2


def test_an_override_before_a_rollback_is_honoured_before_any_rule() -> None:
    story = Story(THRESHOLD.replace('"alert"', '"kill"') + CANARY).settled()
    story.play(OLD, said=[override()])
    assert set(story.play(BAD_NEWS, panes=60)) == {"alert v2 slo firing"}
    assert story.pin is None
    assert short(story.told[0]) == "alert v2 override firing"
    assert "by ann" in story.told[0].reason


def test_an_override_in_the_pane_in_which_it_turns_bad_comes_first() -> None:
    story = Story().settled()
    copy = Story().settled()
    panes = next(count for count in range(1, 99) if copy.play(BAD_NEWS))
    story.play(BAD_NEWS, panes=panes - 1)
    assert story.play(BAD_NEWS, said=[override()]) == ["alert v2 override firing"]


def test_an_override_after_a_rollback_lifts_the_pin_until_it_is_revoked() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, said=[override()])
    assert story.pin is None
    assert [text for text in story.play(BAD_NEWS, panes=60) if "rollback" in text] == []
    assert story.play(OLD, said=[override(revoked=True)]) == ["alert v2 override resolved"]
    event = story.until("rollback", BAD_NEWS)
    assert event.evidence.since is not None
    assert event.evidence.since >= story.release_of().since * 10_000  # Judged anew.


def test_an_override_is_said_once_and_revoked_once() -> None:
    story = Story().settled()
    nothing = "alert v2 commands:no_override firing"  # And so whoever says it again is told.
    assert story.play(OLD, said=[override(), override()]) == ["alert v2 override firing", nothing]
    assert story.play(OLD, said=[override()]) == [nothing]
    assert story.play(OLD, said=[override(revoked=True)] * 2) == ["alert v2 override resolved", nothing]


def test_a_revoked_candidate_can_be_promoted_though_it_was_bad_before_the_override() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(OLD, said=[override()])
    story.play(GOOD_NEWS, said=[override(revoked=True)])
    story.until("promote", GOOD_NEWS)


def test_a_silence_mutes_alerts_and_no_rollback() -> None:
    story = Story(THRESHOLD + CANARY).settled()
    story.play(OLD, said=[silence(story.now + 3_600_000)])
    story.play(BAD_NEWS | DOWN, panes=20)
    alerts = [event for event in story.told if event.type == "alert"]
    assert alerts
    assert all(event.silenced for event in alerts)
    story = Story().settled()
    story.play(OLD, said=[silence(story.now + 3_600_000)])
    assert not story.until("rollback", BAD_NEWS).silenced


def test_an_alert_that_outlasts_its_silence_is_told_then() -> None:
    """Otherwise nobody would ever hear of what began in a maintenance window."""
    story = Story(THRESHOLD).settled()
    story.play(OLD, said=[silence(story.now + 300_000, rule="slo")])
    assert story.play(DOWN, panes=28) == ["alert v1 slo firing"]
    assert story.told[-1].silenced
    assert story.play(DOWN, panes=10) == ["alert v1 slo firing"]
    assert not story.told[-1].silenced
    assert story.play(DOWN, panes=60) == []


def test_a_silence_of_one_rule_leaves_the_others_alone() -> None:
    story = Story(THRESHOLD).settled()
    story.play(OLD, said=[silence(story.now + 3_600_000, rule="other")])
    story.play(DOWN, panes=5)
    assert [event.silenced for event in story.told if event.rule == "slo"] == [False]


def test_a_silence_of_all_models_holds_for_a_model_that_comes_later() -> None:
    story = Story(THRESHOLD)
    story.play(said=[silence((story.next + 1_000) * 10_000, model=None)])
    story.play(OLD, panes=3)
    story.play(DOWN, panes=5)
    assert [event.silenced for event in story.told] == [True]


def test_of_silences_of_one_model_and_rule_the_last_counts() -> None:
    """Also where it ends sooner than the one before."""
    for model in ("m", None):
        story = Story(THRESHOLD).settled()
        story.play(OLD, said=[silence(story.now + 3_600_000, rule="slo", model=model)])
        story.play(OLD, said=[silence(story.now + 20_000, rule="slo", model=model)])
        story.play(OLD, panes=3)
        story.play(DOWN, panes=5)
        assert [event.silenced for event in story.told if event.rule == "slo"] == [False], model


def test_what_is_muted_is_told_once_its_silence_was_ended() -> None:
    for model in ("m", None):
        story = Story(THRESHOLD).settled()
        story.play(OLD, said=[silence(story.now + 3_600_000, rule="slo", model=model)])
        story.play(DOWN, panes=5)
        assert [event.silenced for event in story.told if event.rule == "slo"] == [True], model
        assert story.play(DOWN, said=[unsilence("slo", model)])[-1] == "alert v1 slo firing"
        assert not story.told[-1].silenced


def test_a_silence_is_ended_by_its_own_model_and_rule_alone() -> None:
    """That of all models outlives that of one, and the other way round."""
    for mine, other in ((None, "m"), ("m", None)):
        story = Story(THRESHOLD).settled()
        story.play(OLD, said=[silence(story.now + 3_600_000, rule="slo", model=mine)])
        story.play(OLD, said=[silence(story.now + 1, rule="slo", model=other), unsilence("other", mine)])
        story.play(OLD, said=[unsilence("slo", other)])
        story.play(DOWN, panes=5)
        assert [event.silenced for event in story.told if event.rule == "slo"] == [True]


def test_to_end_a_silence_that_is_not_there_is_told_of() -> None:
    """Only to whom named the model, and only that: an alert that is muted by another silence stays so."""
    story = Story(THRESHOLD).settled()
    story.play(OLD, said=[silence(story.now + 3_600_000, rule="slo")])
    (told,) = story.pane(OLD, said=[unsilence("sol")])
    assert (short(told), told.severity, told.model) == ("alert  commands:no_silence firing", "info", "m")
    assert told.reason == "nothing was ended: there is no silence of m and rule sol; command c5"
    assert story.play(OLD, said=[unsilence("slo")]) == ["alert  commands:unsilence firing"]
    assert story.play(OLD, said=[unsilence("slo")]) == ["alert  commands:no_silence firing"]
    assert story.play(OLD, said=[unsilence()]) == ["alert  commands:no_silence firing"]
    assert story.told[-1].reason == "nothing was ended: there is no silence of m and all rules; command c5"


def test_to_end_a_silence_of_all_models_that_is_not_there_is_told_of_once() -> None:
    """In the shard that tells it has no model's name; the others, and every model, say nothing."""
    story = Story(THRESHOLD).settled()
    assert story.play(OLD, said=[unsilence("slo", None)]) == []
    (told,) = story.pane(OLD, said=[unsilence("slo", "")])
    assert (short(told), told.model) == ("alert  commands:no_silence firing", "")
    assert told.reason == "nothing was ended: there is no silence of all models and rule slo; command c5"
    story.play(OLD, said=[silence(story.now + 3_600_000, rule="slo", model=None)])
    assert story.play(OLD, said=[unsilence("slo", "")]) == ["alert  commands:unsilence firing"]
    assert story.play(OLD, said=[unsilence("slo", "")]) == ["alert  commands:no_silence firing"]


def test_a_silence_of_all_models_that_was_ended_is_unknown_to_later_models() -> None:
    story = Story(THRESHOLD)
    story.play(said=[silence((story.next + 1_000) * 10_000, rule="slo", model=None)])
    story.play(said=[unsilence("slo", None)])
    story.play(OLD, panes=3)
    story.play(DOWN, panes=5)
    assert [event.silenced for event in story.told] == [False]


def test_silences_that_have_ended_are_forgotten() -> None:
    story = Story().settled()
    for _ in range(50):
        story.play(OLD, said=[silence(story.now + 20_000), silence(story.now + 20_000, model=None)])
    assert len(story.judge.state.models["m"].alerts.muted) < 10
    assert len(story.judge.state.silences) < 10


def test_an_acknowledgement_is_told() -> None:
    story = Story(THRESHOLD).settled()
    story.play(DOWN, panes=5)
    event = story.told[-1]
    story.play(DOWN, said=[ack(event.id), ack("unknown")])
    assert [(told.acked, told.reason) for told in story.told] == [
        (False, ""),
        (True, "acknowledged; command c4 by bob"),
        (False, "nothing was acknowledged: event unknown told of nothing that is open; command c4 by bob"),
    ]


def refusal(position: int, reason: str = "unsigned") -> Refusal:
    return Refusal(source="commands-0", position=position, item=0, reason=reason, detail="no signature", model="m")


def test_refused_commands_are_alerted_once_a_pane_and_reason() -> None:
    story = Story().settled()
    said = [refusal(1), refusal(2), refusal(3), refusal(4, "repeated")]
    assert story.play(OLD, said=said) == ["alert  commands:unsigned firing", "alert  commands:repeated firing"]
    assert story.told[0].reason == "3 commands were refused (unsigned): no signature; commands-0 at 1, item 0"
