"""Withdrawn stays withdrawn, by name, whatever else is said; releases of what nobody has seen are told of."""

import pytest

from gateway.pins import PinTable
from operators.stats.traffic_share import Excess
from operators.wire.control import VERSIONS_MAX, ControlEvent
from tests.releasing import (
    BAD_NEWS,
    GOOD_NEWS,
    OLD,
    RELEASE,
    SMALL_ILL,
    SMALL_WELL,
    WELL,
    Counts,
    Story,
    kill,
    override,
    release,
    short,
)

MINUTE = 6  # Panes.
THREE: Counts = {"v1": WELL, "v2": SMALL_ILL, "v3": SMALL_WELL}
AGAIN = {"rollback v2 canary", "kill v2 canary"}


def withdrawn(then: str = "recovered") -> Story:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    if then == "recovered":
        story.until("recovered", OLD)
    return story


def table(story: Story) -> PinTable:
    pins = PinTable()
    for event in story.told:
        pins.take(event)
    return pins


def allowed(story: Story) -> list[str]:
    return [version for version in ("v1", "v2", "v3") if table(story).allows("m", version)]


def last(story: Story) -> ControlEvent:
    return [event for event in story.told if short(event) in AGAIN][-1]


@pytest.mark.parametrize("serving", [SMALL_ILL, SMALL_WELL, (5, 0)])
def test_a_withdrawn_version_that_serves_again_is_pinned_away_again(serving: tuple[int, int]) -> None:
    """After the recovery, days later, whether it does harm or not: once it served for ever without a word."""
    story = withdrawn()
    story.play(OLD, panes=200)
    story.next += 100_000  # Silence for days.
    story.play(OLD, panes=2)
    told = story.play({"v1": WELL, "v2": serving}, panes=MINUTE)
    assert told.count("rollback v2 canary") == 1
    event = last(story)
    assert (event.severity, event.pin, event.barred) == ("page", "v1", ("v2",))
    assert event.reason.startswith("v2 was withdrawn and serves: ")
    assert event.evidence.threshold == 0.01
    story.until("recovered", OLD)
    assert "rollback v2 canary" in story.play(BAD_NEWS, panes=MINUTE), "and so it goes on"


def test_one_that_ignores_the_second_rollback_is_paged_for_by_the_deadline() -> None:
    story = withdrawn()
    assert "rollback_ineffective v2 canary" in story.play(BAD_NEWS, panes=MINUTE + 30)


def test_a_release_of_another_version_leaves_it_withdrawn() -> None:
    """v3 may serve beside v1; v2 once served 30 % errors for ever from here on."""
    story = withdrawn("rolled back")
    told = story.play(OLD | {"v3": SMALL_WELL}, said=[release("v3", "v1")])
    assert allowed(story) == ["v1", "v3"]
    told = story.play(THREE, panes=MINUTE)
    assert "kill v2 canary" in told
    event = last(story)
    assert (event.pin, event.severity, event.barred) == (None, "page", ("v2",))
    assert set(allowed(story)) - {"v1"} == {"v3"}, "v3 is not stopped for what v2 does"


def test_an_override_of_another_version_leaves_it_withdrawn() -> None:
    story = withdrawn("rolled back")
    story.play(OLD, said=[override("v3")])
    assert allowed(story) == ["v1", "v3"]
    assert AGAIN & set(story.play(THREE, panes=MINUTE))


@pytest.mark.parametrize("frees", [override("v2"), release("v2", "v1")])
def test_an_override_or_a_release_of_the_version_itself_lets_it_serve(frees: object) -> None:
    story = withdrawn()
    story.play(OLD, said=[frees])
    assert allowed(story) == ["v1", "v2", "v3"]
    assert not AGAIN & set(story.play(GOOD_NEWS, panes=30))


def test_a_version_is_withdrawn_also_when_it_is_known_no_longer() -> None:
    """An hour, in this policy."""
    story = withdrawn()
    story.play(OLD, panes=400)
    assert "rollback v2 canary" in story.play(BAD_NEWS, panes=MINUTE)


def test_after_another_promotion_the_withdrawn_version_is_barred_and_nothing_pinned() -> None:
    """To pin v1, the baseline of then, would undo the release of v3."""
    story = withdrawn()
    story.play({"v1": WELL, "v3": WELL}, said=[release("v3", "v1")])
    story.until("promote", {"v1": WELL, "v3": WELL})
    assert "kill v2 canary" in story.play({"v3": WELL, "v2": SMALL_WELL}, panes=MINUTE)
    assert allowed(story) == ["v3"]


def test_a_trickle_is_no_return() -> None:
    story = withdrawn()
    assert not AGAIN & set(story.play({"v1": (990, 9), "v2": (1, 0)}, panes=200))


def test_the_versions_withdrawn_last_are_remembered() -> None:
    story = withdrawn()
    releases = story.judge.state.models["m"].releases
    story.play(OLD, said=[kill(f"x{number}") for number in range(VERSIONS_MAX)])
    story.play(OLD)
    assert "v2" not in releases
    assert len(releases) == VERSIONS_MAX
    story.until("rollback", BAD_NEWS)  # It is new, and judged.


def test_a_release_beside_a_withdrawn_baseline_is_refused() -> None:
    story = withdrawn()
    told = story.play(OLD | {"v3": SMALL_WELL}, said=[release("v3", "v2")])
    assert told == ["alert v3 commands:withdrawn_baseline firing"]
    assert "its baseline v2 was withdrawn" in story.told[-1].reason
    assert allowed(story) == ["v1"], "nothing was lifted"
    assert story.release_of("v3").baseline == "v1", "it is judged all the same"


def test_a_bad_version_named_as_baseline_before_it_serves_is_judged() -> None:
    """v3 never comes; v2 once served unjudged for as long as that release was waited for."""
    story = Story().settled()
    story.play(OLD, said=[release("v3", "v2")])
    assert story.until("rollback", BAD_NEWS).version == "v2"


def test_a_bad_version_named_as_baseline_before_the_model_has_settled_is_judged() -> None:
    story = Story(release=RELEASE.replace('settle = "10s"', 'settle = "5m"'))
    story.play(OLD, said=[release("v3", "v2")])
    story.play(BAD_NEWS, panes=5)
    assert story.until("rollback", BAD_NEWS).version == "v2"


def test_versions_that_nobody_has_seen_are_told_of_at_once_and_when_they_serve() -> None:
    story = Story().settled()
    assert story.play(OLD, said=[release("v3", "v2")]) == ["alert v3 commands:unseen firing"]
    event = story.told[-1]
    assert (event.severity, event.lifts) == ("ticket", False)
    assert event.reason == ("the release of v3 beside v2: v3 and v2 have not served; it is dropped after 1h without")
    assert story.play(OLD | {"v3": SMALL_WELL}, panes=3) == []
    assert story.play(OLD | {"v2": SMALL_WELL, "v3": SMALL_WELL}) == ["alert v3 commands:unseen resolved"]


def test_a_release_whose_candidate_never_serves_is_dropped_and_told_of() -> None:
    story = Story().settled()
    story.play(OLD, said=[release("v9", "v1")])
    assert story.told[-1].severity == "info"
    assert story.play(OLD, panes=359) == []
    assert story.play(OLD, panes=3) == ["alert v9 commands:unseen firing"]
    assert story.told[-1].reason == "the release of v9 beside v1: v9 has not served, so it is dropped"
    assert "v9" not in story.judge.state.models["m"].releases


def test_a_candidate_whose_baseline_never_serves_is_judged_beside_another() -> None:
    story = Story().settled()
    story.play(OLD, said=[release("v2", "v9")])
    assert story.play(BAD_NEWS, panes=359) == [], "beside a baseline that is not there it cannot be judged"
    assert story.until("rollback", BAD_NEWS).pin == "v1"
    told = [event.reason for event in story.told if event.rule == "commands:unseen"]
    assert len(told) == 2
    assert told[1].endswith("v9 has not served, so it is dropped; v2 is compared with v1 instead")


def test_silence_drops_no_release() -> None:
    """Quiet panes may be told or not: nothing may be said because of them."""
    story = Story().settled()
    story.play(OLD, said=[release("v9", "v1")])
    assert story.play(panes=1_000) == []
    assert story.play(OLD) == ["alert v9 commands:unseen firing"]


@pytest.mark.parametrize(("share", "panes"), [(0.02, 400), (0.05, 60), (0.3, 6)])
def test_an_excess_is_found(share: float, panes: int) -> None:
    excess: Excess | None = Excess()
    for pane in range(panes):
        came = round(100 * share * (pane + 1)) - round(100 * share * pane)
        excess = (excess or Excess()).step(came, 100, 0.01)
        if excess is not None and excess.sure:
            return
    raise AssertionError(share)


@pytest.mark.parametrize("allowed", [0.0, 0.01, 0.9])
def test_a_share_at_its_limit_is_none(allowed: float) -> None:
    excess: Excess | None = None
    for _ in range(1_000):
        excess = (excess or Excess()).step(round(100 * allowed), 100, allowed)
        assert excess is None or not excess.sure


def test_an_excess_is_found_as_fast_after_a_long_time() -> None:
    excess: Excess | None = Excess(log_m=(-30.0,) * 10)
    panes = 0
    while excess is None or not excess.sure:
        excess = (excess or Excess()).step(20, 100, 0.01)
        panes += 1
    assert panes == 1
