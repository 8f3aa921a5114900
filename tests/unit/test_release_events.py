"""Control events: their ids and revisions, what a reader finds in them; and a policy that changes under way."""

import uuid

import msgspec
import pytest

from operators.release.event_writer import NAMESPACE
from operators.wire.control import ControlEvent
from tests.releasing import BAD_NEWS, CANARY, GOOD_NEWS, ILL, OLD, RELEASE, THRESHOLD, WELL, Story, release

RULES = THRESHOLD + CANARY


def played(rules: str = RULES) -> Story:
    """A release that ends with a rollback, an alert of the baseline, and a second release."""
    story = Story(rules).settled()
    story.play(GOOD_NEWS, said=[release(metadata={"candidate": {"prompt": "b"}, "baseline": {"prompt": "a"}})])
    story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    story.play({"v1": (50, 50)}, panes=10)
    story.play(OLD, panes=20, said=[release("v3", "v1")])
    return story


def test_revisions_grow_and_are_at_least_the_time() -> None:
    """So one that somebody forged, at most a little ahead of the time, outdates nothing that is said later."""
    told = played().told
    revisions = [event.revision for event in told]
    assert revisions == sorted(set(revisions))
    assert all(event.ts <= event.revision < event.ts + len(told) for event in told)
    assert len(told) > 5


def test_ids_are_unique_and_the_same_in_a_replay() -> None:
    first, again = played().told, played().told
    assert [msgspec.json.encode(event) for event in first] == [msgspec.json.encode(event) for event in again]
    assert len({event.id for event in first}) == len(first)


def test_an_id_follows_from_what_is_said() -> None:
    (event,) = [event for event in played().told if event.type == "rollback"]
    text = msgspec.json.encode(["rollback", "firing", "m", "v2", "canary", event.slices[0].slice, event.ts])
    assert event.id == str(uuid.uuid5(NAMESPACE, text.decode()))


def test_a_reader_finds_all_in_the_event() -> None:
    story = played()
    (event,) = [event for event in story.told if event.type == "rollback"]
    assert (event.model, event.version, event.pin, event.rule, event.severity) == ("m", "v2", "v1", "canary", "page")
    assert (event.policy, event.runbook) == (story.policy.hash, "infra/runbooks/rollback.md")
    assert event.diff == {"prompt": ("a", "b")}
    assert event.ts == event.detected
    candidate, baseline = event.evidence.candidate, event.evidence.baseline
    assert candidate is not None
    assert baseline is not None
    assert (candidate.version, baseline.version) == ("v2", "v1")
    assert event.evidence.log_e is not None
    assert event.slices[0].evidence == event.evidence
    assert msgspec.json.decode(msgspec.json.encode(event), type=ControlEvent) == event


def test_every_event_says_the_pin_of_the_model() -> None:
    pins = [(event.type, event.rule, event.pin) for event in played().told]
    assert pins[0] == ("rollback", "canary", "v1")
    assert ("alert", "slo", "v1") in pins
    assert ("alert", "release", None) in pins
    assert ("alert", "slo", None) in pins  # It is resolved when the pin is lifted already.


# --- Another policy ---------------------------------------------------------------------------------------------------

OTHER = THRESHOLD.replace('"slo"', '"other"').replace("0.95", "0.5") + 'slices = ["region"]\n'


def panes_to(story: Story, kind: str) -> int:
    before = story.next
    story.until(kind, {"v1": WELL, "v2": (96, 4)})
    return story.next - before


def test_another_rule_leaves_the_state_of_the_others_alone() -> None:
    """Also one with slices that nothing was counted under before."""
    rules = CANARY.replace('"region"', "").replace('"*", ', '"*"')
    story, changed = Story(rules).settled(), Story(rules).settled()
    for each in (story, changed):
        each.play({"v1": WELL, "v2": (96, 4)}, panes=2)
    changed.restart(rules + OTHER)
    assert panes_to(changed, "rollback") == panes_to(story, "rollback")


def test_a_rule_that_is_changed_begins_anew() -> None:
    """What it found by its old limit neither fires nor acts by the new one."""
    story = Story(THRESHOLD + CANARY).settled()
    story.play({"v1": WELL, "v2": (50, 50)}, panes=1)
    story.restart(THRESHOLD.replace("0.95", "0.2").replace('"alert"', '"kill"') + CANARY)
    told = story.play({"v1": WELL, "v2": WELL}, panes=10)
    assert "kill v2 slo" not in told


OF_SLICES = THRESHOLD + 'slices = ["*", "region"]\n'


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (OF_SLICES, THRESHOLD, ["*"]),
        (OF_SLICES, THRESHOLD + 'slices = ["region"]\n', ["region=eu"]),
        (OF_SLICES, OF_SLICES.replace("0.95", "0.94"), ["*", "region=eu"]),
        (THRESHOLD, THRESHOLD + 'slices = ["region"]\n', []),
        (THRESHOLD, THRESHOLD.replace('"ok"', '"quality"'), []),
        (THRESHOLD, THRESHOLD + 'scope = "model"\n', []),
    ],
)
def test_an_alert_goes_on_as_far_as_its_rule_looks_at_the_same(before: str, after: str, left: list[str]) -> None:
    """Of a slice, an SLI or a version that a rule was about before it was changed its alert fired for ever."""
    story = Story(before).settled()
    story.play({"v1": ILL}, panes=12)
    opened, before_s = story.told[0], len(story.told)
    story.restart(after)
    story.play(panes=2)
    story.play(OLD, panes=20)
    told = story.told[before_s:]
    assert [(each.version, each.state, each.incident) for each in told] == [("v1", "resolved", opened.incident)]
    assert (told[0].closes, sorted(each.slice for each in told[0].slices)) == (True, left or ["*"])
    assert told[0].reason == ("" if left else "slo looks at something else now")
    assert told[0].ts == story.now - (18 if left else 21) * 10_000


def test_an_alert_whose_rule_looks_at_another_slice_goes_on_with_that() -> None:
    story = Story(THRESHOLD).settled()
    story.play({"v1": ILL}, panes=12)
    story.restart(THRESHOLD + 'slices = ["region"]\n')
    story.play({"v1": ILL}, panes=12)
    story.play(OLD, panes=20)
    (opened, again, over) = story.told
    assert {each.incident for each in story.told} == {opened.incident}
    assert (again.state, again.update, [each.slice for each in again.slices]) == ("firing", True, ["region=eu"])
    assert (over.state, over.closes, [each.slice for each in over.slices]) == ("resolved", True, ["region=eu"])


def test_a_policy_without_the_rule_of_a_rollback_still_follows_it_up() -> None:
    story = Story(RULES).settled()
    story.until("rollback", BAD_NEWS)
    story.restart(THRESHOLD, RELEASE)
    story.until("recovered", OLD)
