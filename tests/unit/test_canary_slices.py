"""Canary rules that name slices by their values: these are compared, and the other values of a dimension are not."""

import pytest

from operators.policy_file.toml import parse
from tests.releasing import BASE, CANARY, RELEASE, Counts, Story, policy, release

LIMITED = CANARY.replace('["*", "region"]', '["*", "region=eu"]')
# Two regions alike but for what v2 does in one of them, of a tenth of the traffic.
OLD: Counts = {("v1", "eu"): (990, 10), ("v1", "us"): (990, 10)}


def judged(rules: str, ill: str, panes: int = 40) -> set[tuple[str, str]]:
    """What is said of the slices of a candidate that fails in one region, as (slice, word)."""
    story = Story(rules, RELEASE)
    story.play(OLD, panes=6, said=[release()])
    well = "us" if ill == "eu" else "eu"
    story.play({**OLD, ("v2", ill): (30, 70), ("v2", well): (99, 1)}, panes=panes)
    story.restart()
    story.play({**OLD, ("v2", ill): (30, 70), ("v2", well): (99, 1)}, panes=2)
    return {(each.series.text, each.word) for each in story.verdicts if each.rule == "canary"}


def test_slices_that_are_named_are_compared_and_no_other_values() -> None:
    assert ("region=us", "BAD") in judged(CANARY, "us")
    assert {text for text, _ in judged(LIMITED, "us")} == {"*"}
    assert ("region=eu", "BAD") in judged(LIMITED, "eu")


def test_a_slice_that_is_not_named_holds_no_promotion_though_the_candidate_never_served_it() -> None:
    counts: Counts = {**OLD, ("v2", "eu"): (500, 0)}
    waits, goes = (Story(rules, RELEASE) for rules in (CANARY, LIMITED))
    for story in (waits, goes):
        story.play(OLD, panes=6, said=[release()])
        story.play(counts, panes=60)
    assert waits.phase() == "rolling_out"
    assert any("region=us" in each.sentence + each.reason for each in waits.told)
    assert goes.phase() == "promoted"


def test_of_the_slices_of_a_dimension_those_that_are_not_covered_are_left_out() -> None:
    rule = policy(LIMITED).rules[0]
    assert [rule.covers(each) for each in ([], [("region", "eu")], [("region", "us")], [("team", "a")])] == [
        True, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("slices", ['["region=eu", "region"]', '["country=de"]'])
def test_slices_of_canaries_are_checked_as_those_of_all_rules(slices: str) -> None:
    with pytest.raises(ValueError, match=r"rule\.canary\.slices"):
        parse(BASE + CANARY.replace('["*", "region"]', slices) + RELEASE)
