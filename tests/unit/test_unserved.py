"""A version that served one ring alone is not promoted to everybody, unless that is meant, and then it is watched."""

import numpy as np
import pytest

from operators.rules.unserved import unserved
from operators.window.series_index import SliceSeries, described
from tests.releasing import CANARY, RELEASE, Counts, Story

BEFORE: Counts = {("v1", "eu"): (99, 1), ("v1", "us"): (30, 0)}
RING: Counts = BEFORE | {("v2", "eu"): (99, 1)}
MEANT = CANARY.replace('blip = "0s"', 'blip = "0s"\nunserved = "promote"')


def begun(rules: str = CANARY) -> Story:
    story = Story(rules, RELEASE)
    assert story.play(BEFORE, panes=60) == []
    return story


def test_a_slice_that_was_never_served_holds_the_promotion_and_is_named() -> None:
    story = begun()
    event = story.until("hold", RING, panes=120)
    assert (event.version, event.rule, event.severity) == ("v2", "canary", "ticket")
    assert [each.slice for each in event.slices] == ["region=us"]
    assert event.slices[0].evidence.value == pytest.approx(30 / 130)
    assert "region=us is 23% of the requests of v1 since the release, and none of v2" in event.reason
    assert story.play(RING, panes=200) == [], "it is said once"
    story.until("promote", RING | {("v2", "us"): (30, 0)}, panes=200)


def test_a_restart_changes_nothing() -> None:
    story = begun()
    story.until("hold", RING, panes=120)
    story.restart()
    assert story.play(RING, panes=30) == []


def test_where_rings_are_meant_it_is_promoted() -> None:
    assert begun(MEANT).until("promote", RING, panes=120).version == "v2"


@pytest.mark.parametrize("rules", [MEANT, MEANT.replace('blip = "0s"', 'blip = "1m"')])
def test_what_it_serves_after_the_promotion_is_compared_with_what_the_baseline_had(rules: str) -> None:
    story = begun(rules)
    story.until("promote", RING, panes=200)
    everybody: Counts = {("v2", "eu"): (198, 2), ("v2", "us"): (15, 15)}
    assert not {line.split()[0] for line in story.play(everybody | {("v2", "us"): (30, 0)}, panes=60)} & {"rollback"}
    event = story.until("rollback", {("v2", "eu"): (150, 2), ("v2", "us"): (15, 45)}, panes=120)
    assert (event.version, event.pin) == ("v2", "v1")
    assert event.evidence.historical


def names(count: int) -> list[SliceSeries]:
    texts = [("eu" if each % 2 else "us", f"t{each}") for each in range(count)]
    return [SliceSeries("m", "v", *described(("region", "tier"), text)) for text in texts]


GRAINS = [("region",), ("region", "tier")]


def test_of_many_small_slices_chance_says_nothing_and_half_of_them_something() -> None:
    """600 slices, of which a candidate with 300 requests has had some 240."""
    random = np.random.default_rng(3)
    n_c = random.poisson(0.5, 600)
    assert unserved(names(600), np.column_stack((n_c, np.full(600, 20))), GRAINS, 0.05) == []
    n_c = np.where(np.arange(600) % 4 < 2, random.poisson(20, 600), 0)
    found = unserved(names(600), np.column_stack((n_c, np.full(600, 20))), GRAINS, 0.05)
    assert len(found) == 20, "no more are shown"


def test_of_a_slice_within_another_nothing_is_said() -> None:
    events = np.array([[50 if name.dims["region"] == "eu" else 0, 100] for name in names(10)])
    assert [each.slice for each in unserved(names(10), events, GRAINS, 0.05)] == ["region=us"]


def test_small_slices_and_those_of_the_candidate_alone_hold_nothing() -> None:
    events = np.array([[900, 980], [0, 20], [50, 0]])
    assert unserved(names(3), events, [("region", "tier")], 0.05) == []
    assert len(unserved(names(3), events, [("region", "tier")], 0.01)) == 1
    assert unserved(names(3), np.zeros((3, 2), np.int64), GRAINS, 0.05) == []
