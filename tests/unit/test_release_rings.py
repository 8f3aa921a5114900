"""Releases in rings: what a candidate does not serve holds nothing, and is looked at once it serves it."""

import pytest

from operators.wire.commands import Release
from tests.releasing import CANARY, Counts, Story

OLD: Counts = {("v1", "eu"): (99, 1), ("v1", "us"): (20, 0)}
RING: Counts = OLD | {("v2", "eu"): (99, 1)}
EVERYWHERE: Counts = {("v2", "eu"): (99, 1), ("v2", "us"): (20, 0)}


def released(*rings: dict[str, str]) -> Release:
    return Release(id="c1", ts=0, model="m", candidate="v2", baseline="v1", rings=rings)


def story(*rings: dict[str, str]) -> Story:
    one = Story(CANARY)
    one.play(OLD, panes=30)
    one.play(OLD, said=[released(*rings)])
    one.play(RING, panes=60)
    return one


def kinds(one: Story) -> list[tuple[str, str]]:
    return [(event.type, event.rule) for event in one.told if event.type != "alert"]


def test_what_is_outside_of_the_declared_rings_holds_no_promotion() -> None:
    assert kinds(story()) == [("hold", "canary")]
    assert kinds(story({"region": "eu"})) == [("promote", "canary")]


def test_what_is_unserved_within_them_does() -> None:
    assert kinds(story({"region": "eu"}, {"region": "us"})) == [("hold", "canary")]


def test_a_slice_that_is_served_since_the_promotion_is_compared_with_what_the_baseline_had_there() -> None:
    one = story({"region": "eu"})
    one.play(EVERYWHERE, panes=3)
    one.restart()
    event = one.until("rollback", EVERYWHERE | {("v2", "us"): (8, 12)}, panes=20)
    assert [each.slice for each in event.slices] == ["region=us"]
    assert event.evidence.historical
    assert event.evidence.baseline is not None
    assert (event.evidence.baseline.version, event.evidence.baseline.bad) == ("v1", 0)
    assert "in region=us" in event.sentence
    assert "served since the promotion alone" in event.sentence


@pytest.mark.parametrize("us", [(20, 0), (97, 3)])
def test_one_that_is_well_there_or_little_worse_stays(us: tuple[int, int]) -> None:
    one = story({"region": "eu"})
    one.play(EVERYWHERE | {("v2", "us"): us}, panes=60)
    assert kinds(one) == [("promote", "canary")]


@pytest.mark.parametrize("ring", [{"regoin": "eu"}, {}])
def test_a_mistyped_ring_releases_nothing(ring: dict[str, str]) -> None:
    one = Story(CANARY).settled()
    (event,) = one.pane(OLD, said=[released(ring)])
    assert (event.rule, event.severity) == ("commands:bad_ring", "ticket")
    assert "v2" not in one.judge.state.models["m"].releases
