"""Whether withdrawing a version has helped, for every cause; what a person decides stands; numbers are of now."""

from random import Random

import pytest

from operators.evaluation import ShardEvaluation
from operators.policy_file.toml import parse
from operators.release.cause import Cause
from operators.release.model import PaneContext
from operators.release.phase_states import Left
from operators.release.proven_well import found_ill, proven_well
from operators.window.pane_items import Closed
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Release
from operators.wire.control import Affected, ControlEvent, Evidence, Word
from tests.releasing import (
    BAD_NEWS,
    GOOD_NEWS,
    OLD,
    SMALL_ILL,
    SMALL_WELL,
    START,
    THRESHOLD,
    WELL,
    Story,
    kill,
    short,
    silence,
    unpin,
)
from tests.unit.test_exceeding import TEXT, part_of

PAGES = THRESHOLD.replace('"ticket"', '"page"')
HELPED = {"rollback_applied", "recovered", "rollback_ineffective"}


def types(story: Story) -> set[str]:
    return {event.type for event in story.told}


def test_nothing_has_recovered_by_the_kill_of_a_name_that_never_served() -> None:
    """It was a typing mistake, and the version that was meant went on paging: "The users are well again"."""
    story = Story(PAGES).settled()
    story.play({"v1": WELL, "v2": SMALL_ILL}, panes=10)
    story.play({"v1": WELL, "v2": SMALL_ILL}, said=[kill("V2")])
    event = story.told[-1]
    assert (short(event), event.severity, event.closes) == ("kill V2 commands:kill", "ticket", True)
    story.play({"v1": WELL, "v2": SMALL_ILL}, panes=200)
    assert not types(story) & HELPED
    story.restart(PAGES)
    assert "kill V2 commands:kill" in story.play({"v1": WELL, "V2": SMALL_WELL}, panes=6), "it is kept out all the same"


@pytest.mark.parametrize("rules", [PAGES, PAGES + 'slices = ["region"]\n', PAGES + 'scope = "model"\n'])
def test_what_is_taken_out_by_hand_has_helped_once_nothing_pages(rules: str) -> None:
    """Whichever version, slice, or all of them together it pages about."""
    story = Story(rules).settled()
    story.play({"v1": (80, 20), "v2": SMALL_WELL}, panes=10)
    story.play({"v1": (80, 20), "v2": SMALL_WELL}, said=[kill("v2")])
    story.play({"v1": (80, 20)}, panes=60)
    assert "recovered" not in types(story)
    ill = next(event for event in story.told if event.type == "rollback_ineffective")
    assert ill.severity == "page"
    assert ill.reason.startswith("the traffic has moved, but slo pages on ")
    assert story.until("recovered", OLD).reason == ""


def test_an_unpin_stands_while_the_withdrawn_version_does_no_harm() -> None:
    """It was undone within a minute, without a word to whom had lifted the pin."""
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(GOOD_NEWS, said=[unpin()])
    said = story.told[-1]
    assert "v2 still serves: no pin again unless harm is found anew" in said.reason
    story.play(GOOD_NEWS, panes=100)
    assert story.pin is None
    told = [event for event in story.told if event.ts > said.ts and event.type in ("rollback", "kill")]
    assert [(event.type, event.severity) for event in told] == [("kill", "ticket")]
    assert told[0].reason.endswith("; the pin that was lifted by hand stays lifted")


def test_an_unpin_stands_until_the_withdrawn_version_does_harm_anew() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(GOOD_NEWS, said=[unpin()])
    story.play(GOOD_NEWS, panes=20)
    story.restart()
    event = story.until("rollback", BAD_NEWS)
    assert (event.pin, event.severity, event.version) == ("v1", "page", "v2")
    assert event.reason == "v2 was withdrawn, serves, and does harm since the pin was lifted"
    assert event.evidence.bad


def slow(after: float, panes: int = 120) -> list[ControlEvent]:
    """What is said where the candidate is ten times as slow, and v1 `after` times from the rollback on."""
    policy, random = parse(TEXT), Random(3)
    evaluation = ShardEvaluation(policy)
    events: list[ControlEvent] = []
    for pane in range(START, START + panes):
        said = Release(id="c", ts=0, model="m", candidate="v2", baseline="v1", metadata={})
        gone = any(event.type == "rollback" for event in events)
        old = {"latency_ms": after if gone else 1.0}
        part = part_of(pane, random, {"latency_ms": 10.0}, candidate=pane >= START + 5 and not gone, old=old)
        closed = Closed(pane=pane, on_time=part, commands=(said,) if pane == START + 5 else ())
        told = evaluation.push(PaneWithWindows(closed=closed, windows=()))
        events += [event for each in told for event in each.events]
    return events


def test_after_a_rollback_for_a_measure_that_measure_is_looked_at() -> None:
    """It was called over as soon as the canary, which judges no version by itself, did not call v1 BAD."""
    events = slow(1)
    (over,) = [event for event in events if event.type == "recovered"]
    assert over.evidence.measure == "latency_ms"
    assert over.evidence.good is not None
    assert over.evidence.good + (over.evidence.bad or 0) >= 20
    assert over.sentence.startswith("What version v2 of model m was withdrawn for is over (latency_ms: ")


def test_where_that_measure_is_as_bad_afterwards_somebody_is_woken() -> None:
    events = slow(10.0)
    assert "recovered" not in {event.type for event in events}
    (ill,) = [event for event in events if event.type == "rollback_ineffective"]
    assert (ill.severity, ill.reason) == ("page", "the traffic has moved, but users are not well")
    assert ill.evidence.measure == "latency_ms"


@pytest.mark.parametrize(("word", "well"), [("OK", True), ("INSUFFICIENT", False), (None, False)])
def test_a_rule_on_values_must_call_what_serves_ok(word: Word | None, well: bool) -> None:
    """That it does not call it BAD proves nothing: it may have seen too little."""
    story = Story().settled()
    context = PaneContext(
        policy=story.policy,
        pane=story.next,
        requests={"v1": 100},
        slis=lambda version, text: None,
        current=lambda rule, version, text, judged=None: (word if text == "region=eu" else None, None),
    )
    evidence = Evidence(measure="p95 of latency_ms", n=100, value=900.0, threshold=500.0, window_ms=60_000)
    slices = (Affected(slice="region=eu", verdict="BAD", evidence=evidence),)
    cause = Cause(rule="slow", runbook="", slices=slices, evidence=evidence)
    model = story.judge.state.models["m"]
    found = proven_well(model, context, cause, Left(applied=story.now - 120_000), ["v1"])
    assert (found is not None) == well
    assert proven_well(model, context, cause, Left(applied=story.now), ["v1"]) is None, "a window must have passed"
    assert found_ill(model, cause, Left(applied=0), ["v1"])[1] is None


def test_an_update_has_the_numbers_of_now() -> None:
    """What was told of eu when it began stood there for ever."""
    story = Story(PAGES + 'slices = ["region"]\n').settled()
    story.play({("v1", "eu"): (80, 20), ("v1", "us"): WELL}, panes=30)
    story.play({("v1", "eu"): (5, 95), ("v1", "us"): (80, 20)}, panes=30)
    first, second = story.told
    now = {each.slice: each.evidence for each in second.slices}
    assert first.slices[0].evidence.bad != now["region=eu"].bad
    assert now["region=eu"].bad is not None
    assert now["region=eu"].good is not None
    panes = (second.ts - first.ts) // 10_000
    assert now["region=eu"].bad > 20 * 6 or panes < 30, "a minute of what it serves by then"


def test_what_was_silenced_is_told_with_the_numbers_of_now() -> None:
    story = Story(PAGES).settled()
    until = story.now + 300_000
    story.play({"v1": (80, 20)}, said=[silence(until)])
    story.play({"v1": (80, 20)}, panes=20)
    story.play({"v1": (10, 90)}, panes=20)
    last = [event for event in story.told if event.type == "alert"][-1]
    assert not last.silenced
    assert (last.evidence.good, last.evidence.bad) == (60, 540)


def test_what_was_silenced_is_told_when_the_silence_ends_though_nothing_comes_in_any_more() -> None:
    """It is the model that is down for good which has no traffic whose next event could bring the alert."""
    story = Story('[[rule]]\nname = "gone"\nkind = "absence"\nafter = "1m"\n').settled()
    until = story.now + 600_000
    story.play(said=[silence(until)])
    told = [each for _ in range(100) for each in story.pane({})]
    assert [(each.rule, each.silenced) for each in told] == [("gone", True), ("gone", False)]
    assert told[-1].ts == until
