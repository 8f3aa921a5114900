"""When a candidate is rolled back, when it is not, and what is done instead."""

import pytest

from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    RELEASE,
    SLOWLY,
    SMALL_ILL,
    SMALL_WELL,
    THRESHOLD,
    WELL,
    Counts,
    Story,
    release,
)

BOTH = CANARY.replace('["ok"]', '["ok", "quality"]')
SLO_PAGES = THRESHOLD.replace("ticket", "page")
KILL_INSTEAD = CANARY + 'fallback = "kill"\n'
OUTAGE: Counts = {"v1": (60, 40), "v2": (2, 18)}


def kinds(story: Story) -> list[str]:
    return [event.type for event in story.told]


def test_there_is_at_most_one_rollback_of_a_candidate_however_long_it_serves() -> None:
    story = Story(THRESHOLD.replace('"alert"', '"rollback"') + CANARY).settled()
    story.play(BAD_NEWS, panes=600)
    assert kinds(story).count("rollback") == 1
    assert story.pin == "v1"


def test_within_the_cool_down_no_other_candidate_is_withdrawn() -> None:
    story = Story().settled()
    first = story.until("rollback", BAD_NEWS | {"v3": SMALL_ILL})
    second = story.until("rollback", BAD_NEWS | {"v3": SMALL_ILL})
    assert (first.version, second.version) == ("v2", "v3")
    assert second.ts == first.ts + 60_000


def test_one_more_version_beside_a_healthy_one_is_withdrawn_without_a_cool_down() -> None:
    """Nothing moves but its own traffic, so there is nothing to wait for."""
    story = Story().settled()
    first = story.until("rollback", BAD_NEWS | {"v3": (17, 3), "v4": WELL})
    second = story.until("rollback", BAD_NEWS | {"v3": (0, 20), "v4": WELL})
    assert (first.version, second.version) == ("v2", "v3")
    assert second.ts < first.ts + 60_000
    assert second.weights == {"v2": 0.0, "v3": 0.0}


def test_a_promotion_waits_for_the_cool_down() -> None:
    story = Story(release=RELEASE.replace('cooldown = "1m"', 'cooldown = "1h"')).settled()
    story.play(GOOD_NEWS | {"v3": SMALL_WELL}, panes=20)
    story.until("rollback", GOOD_NEWS | {"v3": SMALL_ILL})
    assert "promote" not in story.play(GOOD_NEWS, panes=200)


def test_any_sli_that_is_bad_rolls_back() -> None:
    story = Story(BOTH).settled()
    event = story.until("rollback", GOOD_NEWS, quality={"v1": (50, 2), "v2": (10, 10)})
    assert event.evidence.sli == "quality"


def test_all_slis_must_pass_to_promote() -> None:
    story = Story(BOTH).settled()
    story.play(GOOD_NEWS, panes=400)
    assert kinds(story) == []
    story.until("promote", GOOD_NEWS, quality={"v1": (50, 2), "v2": (50, 2)})


def test_all_canary_rules_must_pass_to_promote() -> None:
    """One that has nothing to compare yet has not passed."""
    other = CANARY.replace('"canary"', '"quality-canary"', 1).replace('["ok"]', '["quality"]')
    story = Story(CANARY + other).settled()
    story.play(GOOD_NEWS, panes=400)
    assert kinds(story) == []
    story.until("promote", GOOD_NEWS, quality={"v1": (50, 2), "v2": (50, 2)})


SLICE_ILL: Counts = {
    ("v1", "eu"): (90, 10),
    ("v2", "eu"): (100, 0),
    ("v1", "us"): SMALL_WELL,
    ("v2", "us"): (15, 5),
}


def test_a_slice_that_is_worse_holds_the_promotion_and_is_named() -> None:
    story = Story().settled()
    event = story.until("hold", SLICE_ILL)
    assert [each.slice for each in event.slices] == ["region=us"]
    story.play(SLICE_ILL, panes=300)
    assert kinds(story) == ["hold", "alert"]


def test_a_policy_may_let_a_slice_roll_back() -> None:
    story = Story(CANARY + 'slice_action = "rollback"\n').settled()
    event = story.until("rollback", SLICE_ILL)
    assert [each.slice for each in event.slices] == ["region=us"]


def test_of_two_things_asked_for_the_stronger_is_done() -> None:
    rules = CANARY.replace('"rollback"', '"alert"') + 'slice_action = "kill"\n'
    story = Story(rules).settled()
    story.until("kill", BAD_NEWS)


def test_slices_are_listed_worst_first() -> None:
    both: Counts = {("v1", "eu"): WELL, ("v1", "us"): WELL, ("v2", "eu"): (80, 20), ("v2", "us"): (20, 80)}
    story = Story().settled()
    event = story.until("rollback", both)
    assert event.slices[0].slice == "region=us"


# --- Nothing to go back to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rules", "kind"), [(CANARY, "hold"), (KILL_INSTEAD, "kill")])
def test_a_baseline_that_is_bad_itself_is_not_pinned(rules: str, kind: str) -> None:
    """The outage is as old as the history, so that it counts as how the baseline is."""
    story = Story(SLO_PAGES + rules)
    story.play({"v1": (80, 20)}, panes=60)
    event = story.until(kind, {"v1": (80, 20), "v2": (2, 18)})
    assert (event.severity, event.reason, story.pin) == ("page", "v1 is BAD itself, by slo", None)
    story.play({"v1": (80, 20), "v2": (2, 18)}, panes=10)
    assert kinds(story).count(kind) == 1


@pytest.mark.parametrize("kind", ["hold", "kill"])
def test_an_unknown_baseline_is_not_pinned(kind: str) -> None:
    """A declared baseline that never served: the candidate is found BAD by a threshold."""
    story = Story(THRESHOLD.replace('"alert"', '"rollback"') + f'fallback = "{kind}"\n')
    story.play(OLD, said=[release(baseline="v0")])
    event = story.until(kind, BAD_NEWS)
    assert (event.severity, event.reason) == ("page", "v0 is not known: it has not served within 1 h")


def test_a_baseline_with_a_leak_that_makes_only_a_ticket_is_fit() -> None:
    story = Story(THRESHOLD + CANARY)
    story.play({"v1": (80, 20)}, panes=60)
    assert story.until("rollback", {"v1": (80, 20), "v2": (2, 18)}).pin == "v1"


def test_a_baseline_that_was_rolled_back_itself_is_not_pinned() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS | {"v3": SMALL_WELL}, said=[release("v3", "v2")])
    story.until("rollback", BAD_NEWS | {"v3": SMALL_WELL})
    story.play({"v1": WELL, "v3": (0, 20)}, panes=5)
    story.play({"v1": WELL, "v2": SMALL_WELL, "v3": (0, 20)}, panes=15)
    (event,) = [event for event in story.told if event.type == "hold"]
    assert (event.severity, event.reason) == ("page", "v2 was withdrawn itself")


def test_a_baseline_that_recovers_is_pinned_then() -> None:
    """What is held because there is nothing to go back to is rolled back once there is."""
    story = Story(SLO_PAGES + CANARY)
    story.play({"v1": (80, 20)}, panes=60)
    story.until("hold", {"v1": (80, 20), "v2": (2, 18)})
    assert story.until("rollback", {"v1": WELL, "v2": (2, 18)}).pin == "v1"


# --- A cause that is shared -------------------------------------------------------------------------------------------


def shared() -> Story:
    """Both suffer, the candidate more: so much that the comparison is decided."""
    story = Story(SLOWLY).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=10)
    event = story.until("hold", {"v1": (30, 70), "v2": (2, 18)})
    assert event.severity == "page"
    assert "the cause is shared" in event.reason
    return story


def test_where_the_baseline_suffers_as_well_nothing_is_rolled_back() -> None:
    """For however long: an outage of hours does not become what the baseline is compared with."""
    story = shared()
    story.play({"v1": (30, 70), "v2": (2, 18)}, panes=720)
    assert [event.type for event in story.told if event.type != "alert"] == ["hold"]
    assert len([event for event in story.told if event.type == "alert"]) == 1


def test_after_the_recovery_the_comparison_begins_anew() -> None:
    story = shared()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=35)
    current = story.release_of()
    assert (current.actionable.shared, current.holds, current.phase) == ({}, {}, "rolling_out")
    assert current.since > story.next - 35
    story.until("promote", {"v1": (990, 10), "v2": (990, 10)})


def test_a_candidate_that_stays_ill_after_the_recovery_is_rolled_back() -> None:
    story = shared()
    event = story.until("rollback", {"v1": WELL, "v2": (2, 18)})
    assert event.evidence.since is not None
    assert event.evidence.since >= story.release_of().since * 10_000


def test_harm_that_a_shared_cause_does_not_explain_is_the_candidates_own() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=10)
    story.until("rollback", {"v1": (95, 5), "v2": (2, 18)})


def test_harm_of_its_own_beside_a_worse_one_that_is_shared_is_acted_on() -> None:
    """Only the worst SLI was asked whether its cause is shared: what the candidate alone does was held with it."""
    story = Story(SLOWLY.replace('slis = ["ok"]', 'slis = ["ok", "quality"]')).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=10, quality={"v1": (40, 0), "v2": (20, 0)})
    outage: Counts = {"v1": (50, 50), "v2": (1, 19)}
    held = story.until("hold", outage, quality={"v1": (40, 0), "v2": (20, 0)})
    assert "the cause is shared" in held.reason
    event = story.until("rollback", outage, quality={"v1": (40, 0), "v2": (14, 6)}, panes=30)
    assert {each.evidence.sli for each in event.slices} == {"quality"}


def test_an_outage_that_is_the_same_for_both_is_no_harm_of_the_candidate() -> None:
    story = Story(SLOWLY).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=10)
    story.play({"v1": (30, 70), "v2": (6, 14)}, panes=60)
    assert kinds(story) == []


def test_ten_times_as_many_complaints_are_no_pass_and_say_why() -> None:
    """Feedback that is complaints alone has no good label: all of it is bad, of both versions."""
    story = Story(CANARY.replace('slis = ["ok"]', 'slis = ["ok", "quality"]')).settled()
    for _ in range(120):
        story.pane(GOOD_NEWS, quality={"v1": (0, 1), "v2": (0, 10)})
    assert "promote" not in kinds(story)
    told = [verdict for verdict in story.verdicts if verdict.evidence.sli == "quality"]
    assert told
    assert {verdict.word for verdict in told} == {"INSUFFICIENT"}
    assert "all that is counted of both versions is bad" in (told[-1].evidence.reason or "")


# --- The traffic split ------------------------------------------------------------------------------------------------


def test_traffic_that_comes_otherwise_than_declared_holds_the_promotion() -> None:
    story = Story().settled()
    story.play(GOOD_NEWS, said=[release(share=0.1)])
    story.play(GOOD_NEWS, panes=300)
    assert [(event.type, event.rule, event.severity) for event in story.told] == [
        ("alert", "traffic-split", "ticket"),
        ("hold", "traffic-split", "info"),
    ]
    assert story.told[0].evidence.threshold == 0.1
    assert story.told[0].evidence.value == 0.5


def test_it_does_not_hold_a_rollback() -> None:
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[release(share=0.9)], panes=1)
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=2)
    story.until("rollback", BAD_NEWS)
    split = [event.type for event in story.told if event.rule == "traffic-split"]
    assert split == ["alert", "hold"]


def test_traffic_before_the_candidates_first_request_is_not_counted() -> None:
    story = Story().settled()
    story.play(OLD, said=[release(share=0.5)])
    story.play(OLD, panes=30)
    story.until("promote", GOOD_NEWS)
    assert [event.type for event in story.told if event.rule != "commands:unseen"] == ["promote"]


def split_told(story: Story) -> list[tuple[str, str]]:
    return [(event.type, event.state) for event in story.told if event.rule == "traffic-split"]


def test_the_pane_in_which_the_share_begins_is_not_counted() -> None:
    """A twentieth of the requests of its first pane, where half are declared: it was held for ever."""
    story = Story().settled()
    story.play(OLD, said=[release(share=0.5)])
    story.play({"v1": (95, 0), "v2": (5, 0)})
    assert story.until("promote", GOOD_NEWS)
    assert split_told(story) == []


def test_nor_what_comes_while_gateways_take_the_share_over() -> None:
    story = Story(release=RELEASE.replace('warm_up = "0s"', 'warm_up = "1m"')).settled()
    story.play(OLD, said=[release(share=0.5)])
    story.play({"v1": (95, 0), "v2": (5, 0)}, panes=6)
    story.play(GOOD_NEWS, panes=60)
    assert split_told(story) == []


def test_a_split_that_is_mended_holds_no_longer_and_says_so() -> None:
    story = Story(SLOWLY).settled()
    story.play(OLD, said=[release(share=0.5)])
    story.play({"v1": (95, 0), "v2": (5, 0)}, panes=60)
    assert split_told(story) == [("alert", "firing"), ("hold", "firing")]
    assert story.told[-1].sentence.endswith(
        "(requests arrive in other shares than were declared: the arms may not be "
        "comparable; 5 % of 100 requests, where 50 % were declared)."
    )
    story.restart()
    story.play(GOOD_NEWS, panes=60)
    assert split_told(story)[2:] == [("alert", "resolved"), ("hold", "resolved")]
    assert story.told[-1].closes
    assert story.until("promote", GOOD_NEWS, panes=1_000)


def test_a_pin_on_another_version_holds_the_promotion() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play({"v1": WELL, "v3": WELL}, panes=300)
    assert "promote" not in kinds(story)
