"""A candidate that passes within slices, though more of its requests end in slices of which nearly nothing is good."""

from tests.releasing import CANARY, Counts, Story

HELD = CANARY.replace("margin = 3.0", "margin = 1.5")
# What fails has no region: within regions nothing does.
OLD: Counts = {("v1", "eu"): (990, 0), ("v1", ""): (0, 10)}
ALIKE: Counts = OLD | {("v2", "eu"): (495, 0), ("v2", ""): (0, 5)}
MORE: Counts = OLD | {("v2", "eu"): (490, 0), ("v2", ""): (0, 11)}


def test_the_hold_says_why() -> None:
    story = Story(HELD)
    story.play(OLD, panes=3)
    story.play(MORE, panes=60)
    told = [event for event in story.told if event.type != "alert"]
    assert [(event.type, event.severity) for event in told] == [("hold", "ticket")]
    assert told[0].reason == "canary would pass, were it not for ok"
    assert "requests of v2, and" in told[0].sentence
    assert "are in slices of which nearly nothing is good" in told[0].sentence
    assert len(told[0].slices) == 1
    story.restart()
    assert story.play(MORE, panes=5) == [], "it stands"


def test_where_as_many_end_there_nothing_is_held() -> None:
    story = Story(HELD)
    story.play(OLD, panes=3)
    story.play(ALIKE, panes=60)
    assert [event.type for event in story.told if event.type != "alert"] == ["promote"]
