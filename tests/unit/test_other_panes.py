"""Panes of another length: what is known of models stays, what rules compare begins anew as a further attempt."""

import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.rules.alpha import portion
from operators.rules.label_delays import STEPS, Delays
from operators.window.pane_lengths import PaneLengths
from operators.wire.commands import Silence
from tests.releasing import (
    BAD_NEWS,
    BASE,
    CANARY,
    GOOD_NEWS,
    ILL,
    OLD,
    RELEASE,
    THRESHOLD,
    WELL,
    Story,
    override,
    pin,
    release,
    short,
)

MINUTES = PaneLengths(10_000, 60_000)
SECONDS = PaneLengths(10_000, 1_000)


def go_over(story: Story, lengths: PaneLengths) -> None:
    """Go on with panes of another length, from the next one that begins with one of before."""
    saved = loads(dumps(story.judge.state, story.policy), EvaluationState, story.policy)
    had = story.policy.columns
    text = BASE.replace('pane = "10s"', f'pane = "{lengths.now}ms"')
    rules = "".join(rule for rule in (CANARY, THRESHOLD) if any(each.name in rule for each in story.policy.rules))
    story.policy = parse(text + rules + RELEASE)
    story.judge = ShardEvaluation(story.policy, saved, had)
    story.next = lengths.after(story.next - 1)


@pytest.mark.parametrize("lengths", [MINUTES, SECONDS])
def test_a_version_that_was_withdrawn_stays_so_until_its_users_are_well(lengths: PaneLengths) -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    detected = story.release_of().times.detected
    go_over(story, lengths)
    assert (story.pin, story.phase()) == ("v1", "rolled_back")
    assert story.release_of().times.detected == detected
    story.until("recovered", OLD)
    assert [short(event) for event in story.told[-2:]] == ["rollback_applied v2 canary", "recovered v2 canary"]
    assert story.pin == "v1"


@pytest.mark.parametrize("lengths", [MINUTES, SECONDS])
def test_a_comparison_begins_anew_with_less_of_alpha(lengths: PaneLengths) -> None:
    story = Story().settled()
    story.pane(GOOD_NEWS, said=[release(share=0.5)])
    story.play(GOOD_NEWS, panes=30)
    served, before = story.judge.state.models["m"].served["v2"].first, story.release_of().attempt
    go_over(story, lengths)
    now = story.release_of()
    assert now.attempt == before + 1
    assert portion(now.attempt) < portion(before)
    first = story.judge.state.models["m"].served["v2"].first
    assert 0 <= served * lengths.before - first * lengths.now < lengths.now
    assert now.since == lengths.pane(served)
    assert story.until("rollback", {"v1": WELL, "v2": ILL}).version == "v2"


def test_pins_overrides_and_silences_stay() -> None:
    story = Story(rules=CANARY + THRESHOLD).settled()
    until = story.now + 86_400_000
    silence = Silence(id="s1", ts=0, model="m", rule="slo", until=until, by="ann")
    story.pane(GOOD_NEWS, said=[pin("v1"), silence])
    story.pane(GOOD_NEWS, said=[override("v2")])
    before = story.judge.state
    kept = before.silences, before.models["m"].alerts.muted
    go_over(story, MINUTES)
    model = story.judge.state.models["m"]
    assert (story.judge.state.silences, model.alerts.muted) == kept
    assert model.alerts.is_muted("slo", until - 1)
    assert (model.overridden, story.phase("v2")) == ({"v2"}, "overridden")
    assert model.writer.revision == before.models["m"].writer.revision


def test_an_alert_fires_until_its_rule_knows_better() -> None:
    story = Story(rules=THRESHOLD).settled()
    assert story.until("alert", {"v1": ILL}).state == "firing"
    go_over(story, MINUTES)
    assert [short(event) for event in story.told[1:]] == []
    assert {*story.play({"v1": (50, 50)}, panes=3)} <= {"alert v1 slo firing"}
    assert story.until("alert", {"v1": (990, 10)}).state == "resolved"


def test_panes_of_nothing_in_between_say_nothing() -> None:
    """The first pane is the next one that is known of, whatever lay between."""
    story = Story().settled()
    story.pane(GOOD_NEWS, said=[release(share=0.5)])
    go_over(story, SECONDS)
    story.next += 100_000
    assert [short(event) for event in story.pane(GOOD_NEWS)] == []
    assert story.judge.state.pane == story.next - 1


def test_delays_of_labels_are_the_same_times() -> None:
    counts = np.zeros((2, len(STEPS)), np.int64)
    counts[0, np.searchsorted(STEPS, 60)], counts[1, np.searchsorted(STEPS, 6)] = 90, 10
    delays = Delays(first=600, last=6_000, counts=counts.tolist())
    age = delays.age
    delays.renumber(MINUTES)
    assert (delays.first, delays.last, sum(map(sum, delays.counts))) == (100, 1_000, 100)
    assert age * 10_000 <= delays.age * 60_000 < age * 10_000 + 2 * 60_000
