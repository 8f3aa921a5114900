"""A verdict that rests on what one of several producers says is held with a page, where the policy asks for it."""

import pytest

from tests.policies import refused
from tests.releasing import BASE, CANARY, RELEASE, Counts, Story

WHOSE = RELEASE + 'producer = "region"\nproducer_share_max = 0.8\n'
BOTH: Counts = {("v1", "eu"): (99, 1), ("v1", "us"): (99, 1)}  # Where v1 does not serve, nothing can be compared.
FORGED: Counts = BOTH | {("v2", "eu"): (20, 0), ("v2", "us"): (0, 8)}
TRUE: Counts = BOTH | {("v2", "eu"): (12, 8), ("v2", "us"): (6, 4)}
ALONE: Counts = BOTH | {("v2", "us"): (12, 8)}
STAR = CANARY.replace('slices = ["*", "region"]', 'slices = ["*"]')


@pytest.mark.parametrize("rules", [CANARY, STAR])
def test_what_one_of_several_producers_says_is_held_with_a_page(rules: str) -> None:
    """Twenty forged errors once rolled back a healthy version in ten seconds."""
    story = Story(rules, WHOSE).settled()
    story.play(FORGED, panes=20)
    held = [event for event in story.told if event.type == "hold" and event.severity == "page"]
    assert len(held) == 1
    assert "bad events came from region=us, one of 2 producers" in held[0].reason
    assert (story.pin, {event.type for event in story.told} & {"rollback", "kill"}) == (None, set())
    assert story.until("rollback", TRUE).pin == "v1", "until others say so, too"


def test_without_a_limit_it_is_acted_on() -> None:
    assert Story().settled().until("rollback", FORGED).pin == "v1"


@pytest.mark.parametrize("counts", [TRUE, ALONE])
def test_what_several_say_and_what_the_only_one_says_is_acted_on(counts: Counts) -> None:
    story = Story(STAR, WHOSE).settled()
    assert story.until("rollback", counts).pin == "v1"
    assert "hold" not in {each.type for each in story.told}


def test_it_goes_on_after_a_restart() -> None:
    story = Story(CANARY, WHOSE).settled()
    story.until("hold", FORGED)
    story.restart(CANARY, WHOSE)
    assert "rollback" not in {event.type for _ in range(10) for event in story.pane(FORGED)}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('producer = "team"\nproducer_share_max = 0.8\n', "release.producer"),
        ('producer = "region"\n', "release.producer_share_max"),
        ("producer_share_max = 0.8\n", "release.producer_share_max"),
        ('producer = "region"\nproducer_share_max = 1.5\n', "release.producer_share_max"),
    ],
)
def test_a_wrong_limit_is_named(text: str, key: str) -> None:
    refused(BASE + CANARY + RELEASE + text, key)
