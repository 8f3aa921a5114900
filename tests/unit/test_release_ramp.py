"""Releases that go up in steps, candidates that go silent, and small slices that would be promoted to harm."""

import numpy as np
import pytest

from operators.wire.commands import Details
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    RELEASE,
    SLOWLY,
    SMALL_WELL,
    WELL,
    Counts,
    Story,
    release,
    short,
)

MINUTES = 6  # Panes.
STEPS = (5, 10, 25, 50)  # Per cent.
META: Details = {"candidate": {"prompt": "b"}, "baseline": {"prompt": "a"}}


def ramp(declared: bool) -> int:
    """Return after how many panes a candidate is promoted, 50 panes a step; declared at each or only seen."""
    story = Story(SLOWLY).settled()
    for pane in range(1_000):
        share = STEPS[min(pane // 50, 3)]
        said = [release(share=share / 100, metadata=META)] if declared and pane % 50 == 0 and pane < 200 else []
        # 5 % of what each serves is bad, over twenty panes.
        sizes = {"v1": 100 - share, "v2": share}
        bad = {name: size * (pane + 1) // 20 - size * pane // 20 for name, size in sizes.items()}
        counts: Counts = {name: (size - bad[name], bad[name]) for name, size in sizes.items()}
        if "promote" in [event.type for event in story.pane(counts, said=said)]:
            return pane
    raise AssertionError("no promotion")


def test_a_release_that_is_declared_at_each_step_is_as_soon_promoted() -> None:
    """It took nearly twice as long: what was found before a step was forgotten."""
    panes = ramp(declared=False)
    assert panes > 100, "it takes more than two steps"
    assert ramp(declared=True) <= panes + 1


def stepped() -> Story:
    story = Story().settled()
    story.play(OLD | {"v2": (5, 0)}, said=[release(share=0.05, metadata=META)])
    story.play(OLD | {"v2": (5, 0)}, panes=3)
    return story


def test_the_next_step_has_the_split_that_it_declares() -> None:
    story = stepped()
    since = story.release_of().since
    told = story.play(GOOD_NEWS, said=[release(share=0.5)])
    assert told == []
    current = story.release_of()
    assert (current.since, current.diff()) == (since, {"prompt": ("a", "b")}), "what was said of it stands"
    assert current.declared is not None
    assert current.declared.traffic_share == 0.5
    story.play({"v1": WELL, "v2": (5, 0)}, panes=30)
    assert "alert v2 traffic-split firing" in [short(event) for event in story.told]


@pytest.mark.parametrize("other", [release(metadata={"candidate": {"prompt": "c"}}), release(baseline="v0")])
def test_a_release_of_something_else_under_the_same_name_begins_anew(other: object) -> None:
    story = stepped()
    story.play(GOOD_NEWS, said=[other])
    assert story.release_of().since == story.next - 1


# --- Silence ----------------------------------------------------------------------------------------------------------


def silent(story: Story) -> list[str]:
    return [short(event) for event in story.told if event.rule == "traffic-split"]


SHARES = (2, 5, 10, 20, 30, 50)  # Per cent.


def cold(declared: bool, panes: int = 60, seed: int = 6) -> Story:
    """Play a ramp of good instances: at each step the new ones fail in 30 % of requests for a minute; else 2 % do."""
    slowly = SLOWLY.replace("margin = 1.2", "margin = 1.01")  # Not promoted before.
    story = Story(slowly.replace('blip = "0s"', 'blip = "1m"'), RELEASE.replace('warm_up = "0s"', 'warm_up = "1m"'))
    story.settled()
    random = np.random.default_rng(seed)
    for step, share in enumerate(SHARES):
        before = SHARES[step - 1] if step else 0
        said = [release(share=share / 100, metadata=META)] if declared else []
        for pane in range(panes):
            fresh = 0.3 * (share - before) / share if pane < MINUTES else 0.0
            bad = {"v1": int(random.binomial(100 - share, 0.02)), "v2": int(random.binomial(share, 0.02 + fresh))}
            counts: Counts = {"v1": (100 - share - bad["v1"], bad["v1"]), "v2": (share - bad["v2"], bad["v2"])}
            story.pane(counts, said=said if pane == 0 else ())
    return story


def test_new_instances_of_each_step_are_as_cold_as_the_first_ones() -> None:
    """Two of twelve such good versions were rolled back, this one at the fifth step."""
    assert "rollback" in {event.type for event in cold(declared=False).told}
    assert "rollback" not in {event.type for event in cold(declared=True).told}


def test_whoever_declares_a_larger_share_every_minute_hides_no_harm() -> None:
    story = Story(CANARY.replace('blip = "0s"', 'blip = "1m"'), RELEASE.replace('warm_up = "0s"', 'warm_up = "1m"'))
    story.settled()
    for share in range(1, 16):
        story.play(BAD_NEWS, said=[release(share=share / 100, metadata=META)])
        story.play(BAD_NEWS, panes=5)
    assert "rollback" in {event.type for event in story.told}


def test_whoever_declares_build_after_build_of_a_version_is_told_that_nothing_is_found() -> None:
    """Ten times as bad, and nobody heard of it: every four minutes the comparison began from nothing."""
    story = Story(CANARY.replace('blip = "0s"', 'blip = "1m"')).settled()
    for number in range(12):
        declared: Details = {"candidate": {"build": number}, "baseline": {}}
        story.play(BAD_NEWS, said=[release(metadata=declared)])
        story.play(BAD_NEWS, panes=18)
    told = [event for event in story.told if event.rule == "commands:declared_anew"]
    assert [event.severity for event in told] == ["ticket", "ticket"]
    assert "begins for the 3. time" in told[0].reason
    assert "rollback" not in {event.type for event in story.told}
    assert story.until("rollback", BAD_NEWS).pin == "v1"


def test_a_candidate_that_goes_silent_is_told_of_once_and_so_is_its_return() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=2)
    story.play(OLD, panes=5 * MINUTES - 1)
    assert silent(story) == [], "it may pause"
    story.play(OLD, panes=100)
    assert silent(story) == ["alert v2 traffic-split firing"]
    event = story.told[-1]
    assert event.severity == "ticket"
    assert event.reason.startswith("v2 has had no request since ")
    assert "its release decides nothing" in event.reason
    story.restart()
    story.play({"v1": WELL, "v2": SMALL_WELL})
    assert silent(story) == ["alert v2 traffic-split firing", "alert v2 traffic-split resolved"]


def test_one_that_would_hardly_have_had_any_is_none() -> None:
    """Of 60 requests it would have had one."""
    story = Story().settled()
    story.play({"v1": (980, 0), "v2": (20, 0)}, panes=2)
    story.play({"v1": (1, 0)}, panes=10 * MINUTES)
    assert silent(story) == []


def test_where_nobody_asks_nobody_is_silent() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=2)
    story.play(panes=60)
    assert silent(story) == []


# --- Small slices -----------------------------------------------------------------------------------------------------


def test_a_small_slice_that_is_surely_far_worse_holds_before_the_promotion() -> None:
    """Among forty slices it is not BAD yet when all traffic passes; it was promoted, and held afterwards."""
    regions = [f"r{number}" for number in range(40)]
    counts: Counts = {(version, region): (24, 1) for version in ("v1", "v2") for region in regions}
    counts |= {("v1", "r0"): (3, 0), ("v2", "r0"): (0, 3)}
    story = Story(CANARY.replace('blip = "0s"', 'blip = "1m"')).settled()
    assert story.play(counts, panes=30) == ["hold v2 canary"]
    (event,) = story.told
    assert (event.severity, event.reason) == ("ticket", "canary would pass, but region=r0 is surely far worse")
    assert [(each.slice, each.verdict) for each in event.slices] == [("region=r0", "INSUFFICIENT")]
    story.until("alert", counts, panes=30)
    assert "promote" not in [each.type for each in story.told]


def test_a_small_slice_that_is_no_worse_holds_nothing() -> None:
    regions = [f"r{number}" for number in range(40)]
    counts: Counts = {(version, region): (24, 1) for version in ("v1", "v2") for region in regions}
    counts |= {("v1", "r0"): (3, 0), ("v2", "r0"): (2, 1)}
    story = Story(CANARY.replace('blip = "0s"', 'blip = "1m"')).settled()
    assert story.play(counts, panes=30) == ["promote v2 canary"]


def rebuilt(metadata: Details, seed: int) -> Story:
    """Play a good version in whose place, under its name, another good build is declared: its first minute is cold."""
    slowly = SLOWLY.replace("margin = 1.2", "margin = 1.01")  # Not promoted before.
    story = Story(slowly, RELEASE.replace('warm_up = "0s"', 'warm_up = "1m"')).settled()
    random = np.random.default_rng(seed)
    for pane in range(150):
        said = {0: META, 60: metadata}.get(pane)
        cold = 0.3 if pane % 60 < MINUTES and pane < 120 else 0.0
        bad = {"v1": int(random.binomial(90, 0.02)), "v2": int(random.binomial(10, 0.02 + cold))}
        counts: Counts = {"v1": (90 - bad["v1"], bad["v1"]), "v2": (10 - bad["v2"], bad["v2"])}
        story.pane(counts, said=[] if said is None else [release(metadata=said)])
    return story


def test_another_build_under_a_known_name_is_as_cold_as_the_first_one() -> None:
    """With `blip = "0s"` each of these was rolled back."""
    other: Details = {"candidate": {"prompt": "c"}}
    assert not any(event.type == "rollback" for seed in range(3) for event in rebuilt(other, seed).told)
