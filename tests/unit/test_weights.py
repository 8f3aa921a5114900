"""What is said of a candidate moves traffic: target weights, from the judge to the keys that a gateway routes."""

from collections import Counter

import msgspec
import pytest

from gateway.pins import PinTable
from operators.wire.commands import Kill, Pin, Rollback, Unpin
from operators.wire.control import ControlEvent
from tests.releasing import (
    BAD_NEWS,
    GOOD_NEWS,
    RELEASE,
    SMALL_ILL,
    THRESHOLD,
    WELL,
    Story,
    override,
    release,
)

IDS = [f"user-{number}" for number in range(2_000)]
OWN = {"v1": 0.8, "v2": 0.1, "v3": 0.1}
THROTTLE = THRESHOLD.replace('action = "alert"', 'action = "throttle"')
SURELY = 1.3  # Four standard deviations above 5 % of 2,000, as a factor.


def served(events: list[ControlEvent], own: dict[str, float] | None = None) -> dict[str | None, int]:
    """Route 2,000 ids by all that was said, as a gateway that has just begun."""
    table = PinTable()
    for event in events:
        table.take(event)
    return dict(Counter(table.route("m", key, own or OWN) for key in IDS))


def test_after_a_promotion_everybody_gets_the_promoted_version() -> None:
    story = Story().settled()
    event = story.until("promote", GOOD_NEWS)
    assert event.weights == {"v2": 1.0}
    assert served(story.told) == {"v2": 2_000}
    story.restart()
    story.play({"v2": WELL}, panes=30)
    assert served(story.told) == {"v2": 2_000}


@pytest.mark.parametrize("share", [None, 0.1])
def test_a_promotion_leaves_other_candidates_what_they_have(share: float | None) -> None:
    """Their share of the last minutes, or the one that was declared."""
    story = Story().settled()
    said = [] if share is None else [release("v3", "v1", share)]
    story.play({"v1": (90, 0), "v3": (10, 0)}, said=said)
    story.play({"v1": (90, 0), "v3": (10, 0)}, panes=3)
    event = story.until("promote", {"v1": (60, 0), "v2": (60, 0), "v3": (12, 0)})
    assert event.version == "v2"
    assert event.weights.keys() == {"v2", "v3"}
    assert sum(event.weights.values()) == pytest.approx(1.0)
    assert event.weights["v3"] == share or 0.01 < event.weights["v3"] < 0.1
    shares = served(story.told)
    assert abs(shares["v3"] - 2_000 * event.weights["v3"]) < 60
    assert shares["v2"] + shares["v3"] == 2_000


def test_a_throttled_version_gets_at_most_the_stated_share_until_it_is_over() -> None:
    story = Story(THROTTLE, RELEASE + "throttle_share = 0.05\n").settled()
    before = served(story.told)
    assert before["v2"] > 150
    said = story.until("throttle", {"v1": WELL, "v2": (90, 10)})
    assert (said.version, said.weights) == ("v2", {"v2": 0.05})
    assert said.sentence.startswith("Version v2 of model m must get at most 5 % of the traffic, by rule slo")
    assert 50 < served(story.told)["v2"] <= 2_000 * 0.05 * SURELY
    assert served(story.told, {"v1": 0.99, "v2": 0.01})["v2"] < 40, "it is not more than the gateway would give it"
    assert set(served(story.told, {"v2": 1.0})) == {"v2", None}, "what no other may have goes to nobody"
    story.restart()
    story.play({"v1": WELL, "v2": (90, 10)}, panes=2)
    assert story.judge.state.models["m"].weights(0.05) == {"v2": 0.05}
    over = story.until("throttle", {"v1": WELL, "v2": (100, 0)})
    assert (over.state, over.weights) == ("resolved", {})
    assert served(story.told) == before


def test_a_bad_candidate_does_not_drain_a_healthy_one() -> None:
    story = Story().settled()
    event = story.until("rollback", {"v1": WELL, "v2": WELL, "v3": SMALL_ILL}, panes=60)
    assert (event.version, event.pin, event.weights, event.barred) == ("v3", "v1", {"v3": 0.0}, ("v3",))
    before, after = served([]), served(story.told)
    assert after == {"v1": before["v1"] + before["v3"], "v2": before["v2"]}, "what v3 had is v1's"
    assert story.until("promote", {"v1": WELL, "v2": WELL}).version == "v2"
    assert served(story.told) == {"v2": 2_000}


def test_a_rollback_by_hand_to_another_candidate_does_not_drain_what_serves_without_a_release() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": (20, 0), "v3": (20, 0)}, panes=2)
    command = Rollback(id="c9", ts=0, model="m", version="v2", to="v3")
    story.play({"v1": WELL, "v2": (20, 0), "v3": (20, 0)}, said=[command])
    assert (story.told[-1].pin, story.told[-1].weights) == ("v3", {"v2": 0.0})
    before, after = served([]), served(story.told)
    assert after == {"v1": before["v1"], "v3": before["v2"] + before["v3"]}


def test_a_pin_by_hand_takes_all_traffic_until_it_is_lifted() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": (20, 0)}, panes=2)
    story.play({"v1": WELL, "v2": (20, 0)}, said=[Pin(id="c8", ts=0, model="m", version="v1")])
    assert story.told[-1].weights == {"v1": 1.0}
    assert served(story.told) == {"v1": 2_000}
    story.play({"v1": WELL}, said=[Unpin(id="c9", ts=0, model="m")])
    assert served(story.told) == served([])


def test_an_unpin_ends_what_gateways_hold_of_a_promotion_also_one_that_the_worker_has_forgotten() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    anew = Story(start=story.next).settled()
    command = Unpin(id="c9", ts=0, model="m")
    anew.play({"v2": WELL}, said=[command])
    assert served([*story.told, *anew.told]) == served([])
    story.play({"v2": WELL}, said=[command])
    assert served(story.told) == served([])
    assert story.told[-1].reason.endswith("gateways split the traffic by their own weights again")


def test_where_nothing_else_is_well_a_rollback_pins_all_traffic() -> None:
    story = Story().settled()
    event = story.until("rollback", BAD_NEWS | {"v3": SMALL_ILL})
    assert (event.pin, event.weights) == ("v1", {"v1": 1.0})
    assert served(story.told) == {"v1": 2_000}


@pytest.mark.parametrize(
    ("said", "weights"),
    [
        (release("v3", "v2"), {}),
        (release("v3", "v2", share=0.1), {"v2": 0.9, "v3": 0.1}),
        (override("v3"), {}),
        (override("v2"), {"v2": 1.0}),
        (release("v4", "v1", share=0.1), {"v1": 0.9, "v4": 0.1}),
    ],
)
def test_after_a_promotion_a_release_or_an_override_makes_room_for_another_version(
    said: object, weights: dict[str, float]
) -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    story.play({"v2": WELL}, said=[said])
    assert story.told[-1].weights == weights
    assert served(story.told) == served([story.told[-1]])
    if "v3" in weights:
        assert 150 < served(story.told)["v3"] < 250


def test_a_ramp_step_that_is_declared_again_says_the_new_share_once() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    for share, told in ((0.1, 1), (0.1, 0), (0.25, 1)):
        said = story.play({"v2": WELL}, said=[release("v3", "v2", share=share)])
        assert said.count("alert v3 release firing") == told
    assert story.told[-1].weights == {"v2": 0.75, "v3": 0.25}
    assert "v3 gets 0.25 of the traffic" in [event.reason for event in story.told]


def test_a_promoted_version_that_is_withdrawn_gives_its_share_back() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    (event,) = story.pane(GOOD_NEWS, said=[Kill(id="k", ts=0, model="m", version="v2")])
    assert (event.version, event.weights) == ("v2", {"v2": 0.0})
    assert served(story.told).keys() == {"v1", "v3"}


def test_a_worker_that_has_begun_anew_ends_no_throttle_and_no_promotion() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    anew = Story(start=story.next).settled()
    event = anew.until("rollback", BAD_NEWS | {"v3": WELL})
    assert event.weights == {"v2": 0.0}
    quiet = msgspec.structs.replace(event, type="alert", pin=None, weights={}, barred=(), lifts=False)
    assert served([*story.told, quiet]) == {"v2": 2_000}
    assert served([*story.told, event]).keys() == {"v1", "v3"}
