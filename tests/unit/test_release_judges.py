"""While the judge of an SLI is not believed, its rules hold instead of rolling back, and say why."""

import pytest

from operators.window.pane_items import Closed
from operators.window.windows import PaneWithWindows
from operators.wire.control import ControlEvent
from tests.releasing import BAD_NEWS, CANARY, OLD, RELEASE, Counts, Story, partial

SLO = """
[[rule]]
name = "helpful"
kind = "threshold"
sli = "quality"
target = 0.8
window = "2m"
action = "rollback"
"""
BOTH: Counts = {"v1": (99, 1), "v2": (20, 0)}
JUDGED: Counts = {"v1": (40, 2), "v2": (8, 0)}
WORSE: Counts = {"v1": (40, 2), "v2": (1, 12)}


def pane(story: Story, quality: Counts, neither: dict[str, int], ok: Counts = BOTH) -> list[ControlEvent]:
    """Play a pane in which so many judgements of a version count neither way."""
    part = partial(story.next, ok, quality)
    for row, series in enumerate(part.series):
        part.slis[row, 1, 2] += neither.get(series.version, 0)
    judged = story.judge.push(PaneWithWindows(closed=Closed(pane=story.next, on_time=part), windows=()))
    story.next += 1
    events = [event for each in judged for event in each.events]
    story.told += events
    return events


def begun() -> Story:
    story = Story(SLO, RELEASE).settled()
    for _ in range(6):
        pane(story, JUDGED, {})
    return story


def test_what_a_believed_judge_says_is_acted_on() -> None:
    story = begun()
    said = [event for _ in range(12) for event in pane(story, WORSE, {})]
    assert [(event.type, event.version) for event in said if event.type == "rollback"] == [("rollback", "v2")]


def test_what_a_judge_said_before_it_was_disbelieved_takes_nothing_out() -> None:
    """Two panes of a strict judge were enough for the rule; by then it is known that the judge is strict."""
    story = begun()
    said = pane(story, WORSE, {"v1": 60, "v2": 20})
    for _ in range(6):
        said += pane(story, {"v2": (0, 4)}, {"v1": 60, "v2": 20})
    (held,) = (event for event in said if event.type == "hold")
    assert held.reason == (
        "the judge of quality is not believed: it disagrees with its golden cases, is new, or gives no numbers"
    )
    assert (held.version, held.rule, held.severity) == ("v2", "helpful", "ticket")
    assert not {event.type for event in story.told} & {"rollback", "kill", "throttle"}
    story.restart(SLO)
    assert not {event.type for event in pane(story, {"v2": (0, 4)}, {"v1": 60, "v2": 20})} & {"rollback", "hold"}


def test_what_it_said_then_is_out_of_the_window_before_anything_is_done() -> None:
    story = begun()
    for _ in range(6):
        pane(story, {"v2": (0, 6)}, {"v1": 60, "v2": 20})
    believed = story.next
    while "rollback" not in {event.type for event in pane(story, WORSE, {})}:
        assert story.next < believed + 60
    assert story.next - believed >= 12, "two minutes of panes"


def test_other_rules_act_meanwhile() -> None:
    """A version that fails is rolled back whatever judges say."""
    rules = SLO + SLO.replace('"helpful"', '"up"').replace('"quality"', '"ok"')
    story = Story(rules, RELEASE)
    story.play(OLD, panes=60)
    for _ in range(3):
        pane(story, WORSE, {"v1": 60, "v2": 20})
    assert story.until("rollback", BAD_NEWS).rule == "up"


@pytest.mark.parametrize(
    "odd",
    [{"made-up": 1_000}, {"made-up": 1_000, "v2": 1}, {"v2": 40}, {"v1": 2, "v2": 1}],
    ids=["version", "version and one", "candidate alone", "few among many"],
)
def test_a_judge_is_not_disbelieved_for_what_somebody_makes_up(odd: dict[str, int]) -> None:
    """Neither for versions that never served, nor for a few of many, nor where its judgements of the baseline count."""
    story, plain = begun(), begun()
    for at in range(12):
        # Every third pane has no other judgements of these versions.
        quality = WORSE | dict.fromkeys(odd, (0, 0)) if at % 3 == 0 else WORSE
        pane(plain, quality, {})
        pane(story, quality, odd if at % 3 == 0 else {})
    assert [event.type for event in story.told if event.type in ("rollback", "hold")] == ["rollback"]
    assert [event.ts for event in story.told if event.type == "rollback"] == [
        event.ts for event in plain.told if event.type == "rollback"
    ]


def test_panes_of_few_judgements_are_taken_together() -> None:
    """One that counts neither way in a pane of its own, of each version, is one among many still."""
    story = begun()
    for _ in range(12):
        pane(story, {"v1": (4, 0), "v2": (0, 4)}, {})
        pane(story, {"v1": (0, 0), "v2": (0, 0)}, {"v1": 1, "v2": 1})
    assert [event.type for event in story.told if event.type in ("rollback", "hold")] == ["rollback"]


BOTH_SLIS = CANARY.replace('slis = ["ok"]', 'slis = ["ok", "quality"]')


def test_a_rule_acts_on_what_else_is_bad() -> None:
    """Of the SLIs of one rule the worst is that of a judge which is not believed: the version fails all the same."""
    story = Story(BOTH_SLIS, RELEASE)
    story.play(OLD, panes=60)
    failing: Counts = {"v1": (99, 1), "v2": (14, 6)}
    told: list[ControlEvent] = []
    for _ in range(40):
        told += pane(story, {"v1": (40, 2), "v2": (0, 12)}, {"v1": 60, "v2": 20}, failing)
    (rolled_back,) = (event for event in told if event.type == "rollback")
    assert {each.evidence.sli for each in rolled_back.slices} == {"ok"}
