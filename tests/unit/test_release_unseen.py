"""Releases of versions that never served: a few wait, and a flood of them pushes out its own oldest."""

from msgspec import structs

from operators.release.unseen import WAITING_MAX
from tests.releasing import GOOD_NEWS, OLD, Story, release


def test_of_too_many_releases_that_wait_the_oldest_are_dropped_and_told_of() -> None:
    story = Story().settled()
    for number in range(WAITING_MAX):
        assert len(story.play(OLD, said=[structs.replace(release(f"w{number}"), id=f"w{number}")])) == 1
    told = story.pane(OLD, said=[release("v2")])
    assert [(event.version, event.rule) for event in told] == [("v2", "commands:unseen"), ("w0", "commands:unseen")]
    assert "more than 20 wait for versions that have not served" in told[1].reason
    waiting = story.judge.state.models["m"].releases
    assert list(waiting) == [f"w{number}" for number in range(1, WAITING_MAX)] + ["v2"]


def test_a_flood_within_one_pane_leaves_the_last() -> None:
    story = Story().settled()
    story.play(OLD, said=[release(f"w{number}") for number in range(100)])
    assert list(story.judge.state.models["m"].releases) == [f"w{number}" for number in range(80, 100)]


def test_who_serves_waits_no_more_and_is_pushed_out_by_nobody() -> None:
    story = Story().settled()
    story.play(OLD, said=[release("v2")])
    story.play(GOOD_NEWS)
    story.play(GOOD_NEWS, said=[release(f"w{number}") for number in range(100)])
    assert story.release_of("v2").declared is not None
    assert len(story.judge.state.models["m"].releases) == WAITING_MAX + 1
