"""Which versions are candidates, and what they are compared with, when nobody declares a release."""

from operators.window.partial import OTHER
from tests.releasing import BAD_NEWS, GOOD_NEWS, OLD, RELEASE, SLOWLY, SMALL_WELL, WELL, Counts, Story


def baselines(story: Story) -> dict[str, str]:
    return {name: current.baseline for name, current in story.judge.state.models["m"].releases.items()}


def test_versions_that_serve_from_the_beginning_are_compared_with_the_busiest_of_them() -> None:
    story = Story()
    story.play({"v1": SMALL_WELL, "v2": WELL, "v3": SMALL_WELL})
    assert baselines(story) == {}  # The settling time is not over.
    story.play({"v1": SMALL_WELL, "v2": WELL})
    assert baselines(story) == {"v1": "v2", "v3": "v2"}


def test_what_serves_first_when_all_has_settled_is_no_baseline() -> None:
    """The settling time ended in silence; its first pane afterwards brings a busier new version."""
    story = Story()
    story.play({"v1": SMALL_WELL})
    story.play(panes=10)
    story.play(BAD_NEWS | {"v2": (900, 100)})
    assert baselines(story) == {"v2": "v1"}


def test_without_a_settling_time_the_first_pane_says_which_is_old() -> None:
    story = Story(release=RELEASE.replace('settle = "10s"', 'settle = "0s"'))
    story.play({"v1": WELL, "v2": SMALL_WELL})
    assert baselines(story) == {"v2": "v1"}


def test_new_versions_are_compared_with_the_busiest_before_also_if_each_is_busier() -> None:
    story = Story(SLOWLY).settled()
    story.play({"v1": (1, 0), "v2": (50_000, 0), "v3": (50_000, 0)})
    assert baselines(story) == {"v2": "v1", "v3": "v1"}


def test_a_later_version_is_not_compared_with_another_candidate() -> None:
    story = Story(SLOWLY).settled()
    story.play({"v1": WELL, "v2": (50_000, 0)})
    story.play({"v1": WELL, "v2": WELL, "v3": WELL})
    assert baselines(story) == {"v2": "v1", "v3": "v1"}


def test_a_version_that_was_silent_for_hours_is_still_the_baseline() -> None:
    story = Story(release=RELEASE.replace('known = "1h"', 'known = "7d"')).settled()
    story.next += 6 * 360
    story.play({"v2": WELL})
    assert baselines(story) == {"v2": "v1"}


def test_versions_past_the_limit_are_no_candidate_and_no_baseline() -> None:
    story = Story().settled()
    story.play(OLD | {OTHER: (1_000, 0)}, panes=3)
    assert baselines(story) == {}
    story.play(OLD | {OTHER: (1_000, 0), "v2": WELL})
    assert baselines(story) == {"v2": "v1"}


def test_feedback_about_an_older_version_makes_it_no_candidate() -> None:
    story = Story().settled()
    story.play(OLD, quality={"v0": (1, 9)}, panes=3)
    assert baselines(story) == {}


def test_a_version_that_is_not_known_any_more_is_new_again() -> None:
    """Known for an hour."""
    story = Story().settled()
    story.play(OLD | {"v2": SMALL_WELL})
    story.play(OLD, panes=360)
    assert baselines(story) == {"v2": "v1"}
    since = story.release_of().since
    story.play(OLD)
    assert baselines(story) == {}
    story.play(OLD | {"v2": SMALL_WELL})
    assert story.release_of().since > since


def test_a_promoted_version_is_what_the_next_one_is_compared_with() -> None:
    story = Story().settled()
    story.until("promote", GOOD_NEWS)
    story.play({"v2": WELL}, panes=60)
    story.play({"v2": WELL, "v3": SMALL_WELL})
    assert baselines(story)["v3"] == "v2"


def test_other_candidates_are_compared_with_the_version_that_was_promoted() -> None:
    """v1 is about to go: nobody could be compared with it."""
    both: Counts = GOOD_NEWS | {"v3": (9, 0)}
    story = Story().settled()
    story.until("promote", both)
    assert baselines(story) == {"v2": "v1", "v3": "v2"}
    assert story.release_of("v3").since == story.next
    story.play({"v2": WELL, "v3": (5, 4)}, panes=60)
    assert [event.pin for event in story.told if event.type == "rollback"] == ["v2"]


def test_a_withdrawn_version_is_nobodys_baseline() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play({"v1": (9, 0), "v2": (60, 40)}, panes=60)
    story.play({"v1": (9, 0), "v2": (60, 40), "v3": WELL})
    assert baselines(story)["v3"] == "v1"
