"""Every command is answered by a control event, also one that changes nothing or names what nobody has heard of."""

import pytest

from operators.window.waiting_commands import Sent, Waiting
from operators.window.watermark import NEVER
from operators.wire.commands import AnyCommand, Silence
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    THRESHOLD,
    Story,
    ack,
    kill,
    override,
    pin,
    release,
    rollback,
    short,
    silence,
    unpin,
    unsilence,
)

LATER = 4_000_000_000_000


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (ack("e9"), "nothing was acknowledged: event e9 told of nothing that is open; command c4 by bob"),
        (silence(LATER, rule="slow"), "muted, but the policy has no rule slow; command c3"),
        (unsilence(rule="slo"), "nothing was ended: there is no silence of m and rule slo; command c5"),
        (override("v9"), "v9 runs whatever the rules say, until revoked; v9 has not served; command c2 by ann"),
        (override("v2", revoked=True), "nothing was revoked: v2 has no override; command c2 by ann"),
        (kill("v9"), "v9 has not served; command c6 by ann"),
        (rollback("v9", to="v1"), "v9 has not served; command c7 by ann"),
        (pin("v9"), "all traffic goes to v9; v9 has not served; command c8 by ann"),
        (unpin(), "there is no pin to lift here; command c9 by ann"),
        (release("v9", "v1"), "the release of v9 beside v1: v9 has not served; it is dropped after 1h without"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_changes_nothing_is_answered(command: AnyCommand, says: str) -> None:
    """An acknowledgement of a mistyped event, or a silence of a mistyped rule, looked like success."""
    story = Story(CANARY + THRESHOLD).settled()
    story.play(GOOD_NEWS, said=[command])
    (event,) = story.told
    assert event.reason == says
    assert says in event.sentence


def test_an_override_of_what_runs_already_is_answered() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS, said=[override("v2")])
    story.play(GOOD_NEWS, said=[override("v2")])
    assert story.told[-1].reason == "v2 runs already; command c2 by ann"


def test_a_silence_of_a_model_that_nobody_has_heard_of_is_answered() -> None:
    story = Story()
    story.play(said=[silence(LATER, rule=None)])
    assert [event.reason for event in story.told] == ["muted, but nobody has heard of m; command c3"]


UNTIL = "muted until 2096-10-02 07:06:40Z; command c3"


@pytest.mark.parametrize("rule", ["slo", "canary", "traffic-split", "commands:unseen", "limits:series", "input:late"])
def test_a_silence_of_what_there_is_is_told_of(rule: str) -> None:
    """Whoever muted a model was seen in a table alone."""
    story = Story(CANARY + THRESHOLD).settled()
    assert story.play(OLD, said=[silence(LATER, rule=rule)]) == ["alert  commands:silence firing"]
    (told,) = story.told[-1:]
    assert (told.severity, told.reason) == ("info", f"rule {rule} on m is {UNTIL}")
    assert story.play(OLD, said=[unsilence(rule=rule)]) == ["alert  commands:unsilence firing"]
    assert story.told[-1].reason == f"rule {rule} on m is muted no longer; command c5"


def test_a_silence_of_every_rule_is_told_of_and_mutes_that() -> None:
    story = Story(CANARY + THRESHOLD).settled()
    story.play(OLD, said=[silence(LATER, rule=None)])
    assert [(each.reason, each.silenced) for each in story.told] == [(f"every rule on m is {UNTIL}", True)]


def test_a_silence_of_all_models_is_answered_once() -> None:
    """In the shard that tells it has no model's name, and every model is muted there too."""
    story = Story(CANARY + THRESHOLD).settled()
    assert story.play(OLD, said=[silence(LATER, rule="slow", model=None)]) == []
    (told,) = story.pane(OLD, said=[silence(LATER, rule="slow", model="")])
    assert (told.model, told.rule) == ("", "commands:no_rule")
    assert told.reason == "muted, but the policy has no rule slow; command c3"
    (told,) = story.pane(OLD, said=[silence(LATER, rule="slo", model="")])
    assert (told.model, told.rule, told.reason) == ("", "commands:silence", f"rule slo on all models is {UNTIL}")
    assert story.judge.state.models["m"].alerts.is_muted("slo", story.now)


def test_of_the_shards_that_get_a_silence_of_all_models_one_answers() -> None:
    sent = [Sent(command=silence(LATER, rule="slow", model=None), reports=reports) for reports in (True, False)]
    taken = [Waiting([(5, each)]).take(5, 10_000, 0)[0] for each in sent]
    assert [each.model for each in taken if isinstance(each, Silence)] == ["", None]
    assert [Waiting([(5, each)]).panes(NEVER) for each in sent] == [{5}, set()]


def test_somebody_may_look_after_a_rollback() -> None:
    """Its page said nothing of that: only alerts could be acknowledged."""
    story = Story().settled()
    paged = story.until("rollback", BAD_NEWS)
    story.play(OLD, said=[ack(paged.id)])
    event = next(event for event in story.told if event.acked)
    assert (short(event), event.incident, event.update) == ("alert v2 canary firing", paged.incident, True)
    assert event.sentence.startswith("Somebody looks after rule canary on version v2 of model m (acknowledged")
