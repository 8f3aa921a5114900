"""Copies of requests: what a version does with them is compared, moves no traffic and is no request of a user."""

import json
from typing import Any

from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.release.sentence import sentence
from operators.rules.pane_counts import Roster
from operators.window.merging import merge
from operators.window.partial import Partial
from operators.wire.commands import Release
from operators.wire.mirrored import mirrored
from tests.dataflows.making import received
from tests.releasing import (
    BASE,
    CANARY,
    OLD,
    RELEASE,
    SMALL_ILL,
    SMALL_WELL,
    START,
    THRESHOLD,
    WELL,
    Counts,
    Story,
    release,
    short,
)

COPIES = mirrored("v2")
START_MS = 1_760_000_000_000
KILL = THRESHOLD.replace('"alert"', '"kill"').replace("ticket", "page")


def counted(policy: Policy, *items: dict[str, Any], stream: str = "events") -> dict[str, int]:
    """Return how many items are counted under each version."""
    partition = Partition("log", stream, ("log",), policy)  # type: ignore[arg-type]
    said = [json.dumps({"request_id": f"r{n}", "ts": START_MS, **item}).encode() for n, item in enumerate(items)]
    taken = partition.take(received(said))
    parts: list[Partial] = [part for _, item in taken.inputs for _, part in item.partials if part.rows]
    whole = merge(parts)
    sums: dict[str, int] = {}
    for row, which in enumerate(whole.which.tolist()):
        version = whole.series[which].version
        sums[version] = sums.get(version, 0) + int(whole.slis[row].sum())
    return {version: n for version, n in sums.items() if n}


def event(version: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "version": version, **more}


def test_copies_are_counted_apart_from_requests() -> None:
    one = counted(parse(BASE), event("v1"))["v1"]
    found = counted(parse(BASE), event("v1"), event("v2", mirrored=True), event("v2"), event("v2", mirrored=False))
    assert found == {"v1": one, COPIES: one, "v2": 2 * one}


def test_no_request_of_a_session_is_left_out_for_its_copy() -> None:
    """Events of one session count once where versions are compared: once among requests, once among copies."""
    policy = parse(BASE)
    partition = Partition("log", "events", ("log",), policy)
    items = [
        event(version, session_id=f"s{n}", mirrored=version == "v2") for n in range(50) for version in ("v1", "v2")
    ]
    said = [json.dumps({"request_id": f"r{n}", "ts": START_MS, **item}).encode() for n, item in enumerate(items)]
    parts = [part for _, item in partition.take(received(said)).inputs for _, part in item.partials if part.rows]
    roster = Roster(policy.dimensions, ((),), len(policy.slis), ())
    counts = roster.count(START, merge(parts))
    found = {
        roster.names[slot].version: int(units[0].sum()) for slot, units in zip(counts.slots, counts.units, strict=True)
    }
    assert found == {"v1": 50, COPIES: 50}


def test_a_policy_may_say_which_versions_answer_copies() -> None:
    policy = parse(BASE + '[release]\nmirrored = ["shadow-*"]\n')
    found = counted(policy, event("shadow-7"), event("shadow-7", mirrored=True), event("v1"))
    assert set(found) == {"v1", mirrored("shadow-7")}


def test_feedback_about_copies_is_counted_with_them() -> None:
    judged = event("v2", kind="judge", value=5, mirrored=True)
    assert set(counted(parse(BASE), judged, event("v2", kind="judge", value=1), stream="feedback")) == {"v2", COPIES}


def test_a_name_that_stands_for_copies_is_refused() -> None:
    partition = Partition("log", "events", ("log",), parse(BASE))
    item = {"request_id": "r", "ts": START_MS, **event(COPIES)}
    (reject,) = partition.take(received([json.dumps(item).encode()])).rejects
    assert reject.reason == "reserved_name"


def said(story: Story) -> list[str]:
    return [short(each) for each in story.told]


def test_a_bad_version_in_the_shadow_is_told_of_and_moves_no_traffic() -> None:
    """It answers a copy of every request: it was rolled back, and then paged for as one that serves on."""
    story = Story().settled()
    story.play({"v1": WELL, COPIES: (60, 40)}, panes=200)
    assert said(story) == [f"hold {COPIES} canary", f"alert {COPIES} canary firing"]
    event = story.told[0]
    assert (event.pin, event.barred, event.weights, event.severity) == (None, (), {}, "info")
    assert event.reason == "canary is BAD on copies of requests: nobody is served by it, so nothing else is done"
    assert sentence(event).startswith("Version v2 (copies of requests) of model m is not promoted, by rule canary")
    assert story.told[1].evidence.baseline is not None
    assert story.told[1].evidence.baseline.version == "v1"


def test_a_good_version_in_the_shadow_is_not_promoted() -> None:
    """It serves nobody: that it may is for a release to say."""
    story = Story().settled()
    story.play({"v1": WELL, COPIES: WELL}, panes=200)
    assert said(story) == [f"alert {COPIES} release firing"]
    assert story.told[0].reason == "v2 passes canary on copies of requests; it serves nobody yet"
    assert story.told[0].weights == {}


def test_rules_about_users_say_nothing_of_copies() -> None:
    story = Story(KILL).settled()
    story.play({"v1": WELL, COPIES: (10, 90)}, panes=60)
    assert said(story) == []


def test_all_versions_together_are_all_requests() -> None:
    story = Story(THRESHOLD + 'scope = "model"\n').settled()
    story.play({"v1": WELL, COPIES: (10, 90)}, panes=60)
    assert said(story) == []
    assert "alert * slo firing" in story.play({"v1": (50, 50)}, panes=10)


def rolled_back(copies: Counts) -> list[tuple[str, object, object]]:
    """What is said of v3 where there are copies besides: it serves, does harm, is rolled back and gone."""
    story = Story().settled()
    well, ill = copies | OLD | {"v3": (10, 0)}, copies | OLD | {"v3": (0, 10)}
    story.play(well, said=[release("v3", "v1", share=0.0917)])
    story.play(well, panes=8)
    story.until("rollback", ill)
    story.play(copies | OLD, panes=30)
    return [(short(each), each.pin, each.evidence) for each in story.told if each.version == "v3"]


def test_copies_change_nothing_of_what_is_said_of_a_release() -> None:
    """As many copies as requests: shares of the traffic, its split, and where it went are those of requests."""
    expected = rolled_back({})
    assert [each[0].split()[0] for each in expected][-3:] == ["rollback", "rollback_applied", "recovered"]
    assert rolled_back({COPIES: WELL}) == expected


def test_the_same_version_may_serve_afterwards() -> None:
    """What it did with copies is no trial of what it does with requests."""
    story = Story().settled()
    story.play({"v1": WELL, COPIES: SMALL_WELL}, panes=30)
    event = story.until("rollback", {"v1": WELL, "v2": SMALL_ILL, COPIES: SMALL_WELL})
    assert (event.version, event.pin, event.barred) == ("v2", "v1", ("v2",))


def test_the_busiest_at_the_beginning_is_one_that_serves() -> None:
    """Copies may be more than requests."""
    counts: Counts = {"v1": SMALL_WELL, COPIES: (60, 40)}
    story = Story()
    story.play(counts, panes=30)
    assert f"hold {COPIES} canary" in said(story)
    assert story.release_of(COPIES).baseline == "v1"


def test_copies_are_no_refuge() -> None:
    story = Story(KILL.replace('"kill"', '"rollback"') + CANARY, RELEASE).settled()
    story.play(OLD | {COPIES: WELL}, panes=30)
    story.play({"v1": (60, 40), COPIES: WELL}, panes=60)
    assert "hold v1 slo" in said(story)
    assert story.pin is None


def shadow() -> Release:
    return Release(id="s1", ts=0, model="m", candidate="v2", baseline="v1", mirrored=True)


def test_a_command_declares_a_version_that_answers_copies() -> None:
    """Its events do not say so: it was rolled back, and paged for as one that serves on."""
    story = Story().settled()
    story.play(OLD, said=[shadow()])
    story.play({"v1": WELL, "v2": (60, 40)}, panes=200)
    assert said(story)[-2:] == [f"hold {COPIES} canary", f"alert {COPIES} canary firing"]
    assert not {event.type for event in story.told} & {"rollback", "kill", "promote", "rollback_ineffective"}
    assert {event.pin for event in story.told} == {None}
    story.restart()
    assert story.play({"v1": WELL, "v2": (60, 40)}, panes=20) == []


def test_versions_that_are_not_there_yet_are_told_of_by_their_own_name() -> None:
    story = Story().settled()
    story.play(OLD, said=[shadow()])
    (event,) = story.told
    assert (event.rule, event.severity) == ("commands:unseen", "info")
    assert event.reason == "the release of v2 beside v1: v2 has not served; it is dropped after 1h without"
    assert "__mirrored__" not in event.sentence


def test_one_that_serves_already_is_a_copy_from_the_command_on() -> None:
    """It came as a candidate of its own, and is none any more."""
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    story.play({"v1": WELL, "v2": SMALL_ILL}, panes=200, said=())
    assert "rollback v2 canary" in said(story)
    again = Story().settled()
    again.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    again.play({"v1": WELL, "v2": SMALL_ILL}, said=[shadow()])
    again.play({"v1": WELL, "v2": SMALL_ILL}, panes=200)
    assert f"hold {COPIES} canary" in said(again)
    assert not any(event.type in ("rollback", "kill") or event.pin for event in again.told)


def test_a_release_without_it_makes_it_a_version_that_serves() -> None:
    story = Story().settled()
    story.play(OLD, said=[shadow()])
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[release("v2", "v1")])
    assert story.until("rollback", {"v1": WELL, "v2": SMALL_ILL}).version == "v2"
