"""Latency of both versions rises in the same minute: is that the candidate's harm, or a cause that they share?"""

from functools import cache
from random import Random

import msgspec
import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.rules.value_history import BASELINE, CANDIDATE, MINUTES, ValueHistory
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Release
from operators.wire.control import ControlEvent
from tests.releasing import START
from tests.unit.test_exceeding import TEXT as TO_PROMOTE
from tests.unit.test_exceeding import part_of

TEXT = TO_PROMOTE.replace("margin = 3.0", "margin = 1.05")  # Nothing is promoted meanwhile.
POLICY = parse(TEXT)
CALM = (1.0, 1.0)
BEFORE = 18  # Panes of calm.


@cache
def part_at(old: float, new: float, seed: int) -> Partial:
    return part_of(START, Random(seed), {"latency_ms": new}, old={"latency_ms": old})


def told(*stretches: tuple[int, tuple[float, float]], saved_at: int | None = None) -> list[ControlEvent]:
    """What is said where latencies of baseline and candidate are so many times the usual ones for so many panes."""
    judge = ShardEvaluation(POLICY)
    events: list[ControlEvent] = []
    times = [factors for panes, factors in ((BEFORE, CALM), *stretches) for _ in range(panes)]
    for pane, (old, new) in enumerate(times, START):
        said = Release(id="c", ts=0, model="m", candidate="v2", baseline="v1", metadata={})
        known = part_at(old, new, pane % 4)
        part = msgspec.structs.replace(known, pane=np.full_like(known.pane, pane))
        closed = Closed(pane=pane, on_time=part, commands=(said,) if pane == START + 5 else ())
        if pane - START == saved_at:
            judge = ShardEvaluation(POLICY, loads(dumps(judge.state, POLICY), EvaluationState, POLICY))
        events += [event for each in judge.push(PaneWithWindows(closed=closed, windows=())) for event in each.events]
    return [event for event in events if event.type != "alert" and event.rule == "canary"]


def test_a_shared_rise_that_explains_most_of_it_holds_and_pages() -> None:
    (event,) = told((30, (4.0, 8.0)))
    assert (event.type, event.severity) == ("hold", "page")
    assert "the cause is shared" in event.reason
    assert event.evidence.measure == "latency_ms"


@pytest.mark.parametrize("factors", [(1.0, 8.0), (1.3, 8.0)])
def test_what_the_baselines_rise_does_not_explain_is_the_candidates_own(factors: tuple[float, float]) -> None:
    assert told((30, factors))[0].type == "rollback"


def test_once_the_baseline_is_well_again_the_comparison_begins_anew() -> None:
    events = told((24, (4.0, 8.0)), (42, CALM), (20, (1.0, 8.0)), saved_at=BEFORE + 20)
    assert [event.type for event in events][:2] == ["hold", "rollback"]
    assert events[1].evidence.since is not None
    assert events[1].evidence.since >= (START + BEFORE + 24) * 10_000


def test_one_that_stays_slow_when_the_baseline_is_well_again_is_rolled_back() -> None:
    events = told((24, (4.0, 8.0)), (40, (1.0, 8.0)))
    assert [event.type for event in events][:2] == ["hold", "rollback"]
    assert events[1].ts >= (START + BEFORE + 24) * 10_000


def test_an_hour_of_values_is_remembered() -> None:
    history = ValueHistory()
    for minute in range(100):
        history.add(minute, BASELINE, np.array([minute, 5, minute]), np.array([1, 2, 3]))
        history.add(minute, CANDIDATE, np.array([7]), np.array([1]))
    assert (min(history.minutes), len(history.minutes)) == (40, MINUTES)
    codes, counts = history.values(BASELINE, before=42)
    assert (codes.tolist(), counts.tolist()) == ([5, 40, 41], [4, 4, 4])
    assert history.values(CANDIDATE, since=98)[1].tolist() == [2]
