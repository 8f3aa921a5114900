"""What a canary rule may be wrong with in all, over everything that may act on a release."""

import math

import msgspec
import pytest

from operators.release.machine import end
from operators.rules.alpha import ACTING, TOTAL, of_comparison, of_cutover, portion
from operators.rules.canary_keys import Canary
from operators.rules.canary_verdict import levels
from operators.rules.exceeding import columns
from operators.wire.commands import Details
from operators.wire.control import VERSIONS_MAX, ControlEvent
from tests.releasing import BAD_NEWS, CANARY, GOOD_NEWS, SMALL_WELL, WELL, Counts, Story, override, policy, release

FLAKY: Counts = {"v1": WELL, "v2": (18, 2)}


def rule(more: str = "") -> Canary:
    (found,) = policy(CANARY.replace('slices = ["*", "region"]', 'slices = ["*", "region"]\n' + more)).rules
    assert isinstance(found, Canary)
    return found


@pytest.mark.parametrize(
    "more",
    [
        "",
        'slice_action = "rollback"',
        'cutover_action = "alert"',
        'slice_action = "kill"\nmeasures = [{ name = "latency_ms", quantile = 0.95, tolerance = 0.1 }]',
    ],
)
def test_all_that_may_act_on_a_comparison_adds_up_to_alpha(more: str) -> None:
    canary = msgspec.structs.replace(rule(more), slis=("ok", "quality"))
    level = levels(of_comparison(canary), columns(canary), canary.slice_action in ACTING)
    acting = level.all_traffic + (level.slices if canary.slice_action in ACTING else 0.0)
    comparison = acting * columns(canary)
    before_and_after = portion(1, renews=False) + portion(1, renews=True)  # Of labels whose age is learned late.
    cutover = of_cutover(canary) if canary.cutover_action in ACTING else 0.0
    assert comparison * before_and_after + cutover == pytest.approx(canary.alpha)


def test_all_comparisons_of_a_version_have_some_more() -> None:
    assert sum(portion(attempt) for attempt in range(1, 100_000)) < TOTAL < 1.65


def sure(story: Story) -> float:
    """Return what the verdicts about v2 may be wrong with."""
    (last,) = [each for each in story.verdicts if each.series.version == "v2" and each.series.text == "*"][-1:]
    return 1 - (last.evidence.confidence or 0.0)


def told_again(story: Story, number: int) -> None:
    metadata: Details = {"candidate": {"build": number}, "baseline": {}}
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=2)
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[release(metadata=metadata)])


def test_a_version_that_is_declared_again_and_again_spends_less_each_time() -> None:
    """It spent all of alpha each time: a pipeline that declares every hour would have a good one rolled back."""
    story = Story(CANARY.replace("margin_points = 0.05", "margin_points = 0.0")).settled()
    told_again(story, 0)  # It was seen before, and is the same release.
    spent = [sure(story)]
    for number in range(1, 5):
        told_again(story, number)
        story.restart()
        story.play({"v1": WELL, "v2": SMALL_WELL}, panes=4)
        spent.append(sure(story))
    assert spent == pytest.approx([spent[0] / attempt**2 for attempt in range(1, 6)])


def test_a_revoked_override_is_another_comparison() -> None:
    story = Story(CANARY.replace("margin_points = 0.05", "margin_points = 0.0")).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    before = sure(story)
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[override()])
    story.play({"v1": WELL, "v2": SMALL_WELL}, said=[override(revoked=True)])
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=3)
    assert sure(story) == pytest.approx(before / 4)


def test_what_was_promoted_and_is_released_again_has_all_of_it() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    story.play(GOOD_NEWS, said=[release()])
    assert story.release_of().attempt == 1


def odds(event: ControlEvent) -> float:
    return event.evidence.p_value or 0.0


@pytest.mark.parametrize("more", ["", 'slice_action = "rollback"'])
def test_the_chance_in_a_rollback_is_that_of_the_whole_release(more: str) -> None:
    """Not that of the slice that happens to be worst, nor of the SLI: it is at most alpha, when alpha is reached."""
    canary = rule(more)
    story = Story(CANARY.replace('slices = ["*", "region"]', 'slices = ["*", "region"]\n' + more)).settled()
    event = story.until("rollback", FLAKY)
    for each in event.slices:
        assert each.evidence.log_e is not None
        assert each.evidence.p_value is not None
        alone = math.exp(-each.evidence.log_e)
        assert each.evidence.p_value > alone, "its own chance is not that of all"
        assert each.slice != "*" or each.evidence.p_value <= canary.alpha
    assert f"by chance 1 in {1 / odds(event):,.0f}" in event.sentence


def test_a_rollback_within_a_pane_or_two_is_as_sure_as_it_says() -> None:
    story = Story().settled()
    event = story.until("rollback", BAD_NEWS)
    assert "by chance 1 in over 1,000,000" in event.sentence or odds(event) > 1e-6


@pytest.mark.parametrize("way", ["not known any more", "declared, and not served"])
def test_a_version_that_was_forgotten_and_comes_again_spends_less(way: str) -> None:
    """It came with all of alpha each time: whoever stops a canary for a week begins from nothing."""
    story = Story(CANARY.replace("margin_points = 0.05", "margin_points = 0.0")).settled()
    if way == "not known any more":
        story.play({"v1": WELL, "v2": SMALL_WELL}, panes=4)
    else:
        story.play({"v1": WELL}, said=[release()])
    story.play({"v1": WELL}, panes=370)  # Known for an hour.
    assert story.phase() == "steady"
    story.restart()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=4)
    assert story.release_of().attempt == (2 if way == "not known any more" else 1)


def test_versions_that_come_and_go_make_none_forgotten_that_has_spent_more() -> None:
    """A hundred other names put each out: what every build is called had all of alpha again."""
    story = Story().settled()
    story.play({"v1": WELL, "v2": SMALL_WELL})
    model = story.judge.state.models["m"]
    model.releases["v2"].attempt = 7
    end(model, "v2")
    for first in range(0, 2 * VERSIONS_MAX, 20):
        names = [f"x{number}" for number in range(first, first + 20)]
        counts: Counts = {"v1": WELL}
        counts.update(dict.fromkeys(names, SMALL_WELL))
        story.play(counts)
        for name in names:
            end(model, name)
    assert (len(model.attempts), model.attempts["v2"]) == (VERSIONS_MAX, 7)


def test_blocks_have_the_cap_of_now_after_a_restart_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was saved had the cap of the worker that saved it, for ever."""
    story = Story(CANARY.replace('blip = "0s"', 'blip = "1m"')).settled()
    story.play({"v1": WELL, "v2": SMALL_WELL}, panes=13)
    monkeypatch.setattr("operators.rules.canary_state.BLIP_CAP", 2.0)
    story.restart()
    (canary,) = story.judge.state.releases
    caps = {each.log_cap for each in (canary.processes, canary.guard.processes, *canary.shares.processes)}
    assert caps == {math.log(2.0)}
    assert canary.processes.blocks.max() > 0
