"""State of different moments is refused wherever it meets; state from before positions were kept goes on."""

import pytest
from prometheus_client import CollectorRegistry

from operators.evaluation import ShardEvaluation
from operators.metrics import Metrics
from operators.model_gauges import ShardGauges
from operators.policy_file.toml import parse
from operators.steps import _EvaluationLogic
from operators.window.fence import NOWHERE, UNKNOWN, OutOfStep, Span, SpansSeen, in_order
from operators.window.pane_items import Closed, ReplayPlan, ReplayRequest, ShardInput
from operators.window.panes import Panes
from operators.window.recall import PaneStore, RecalledWindows, WindowProgress
from operators.window.saved_panes import SavedPanes
from operators.window.watermark import PartitionProgress
from operators.window.windows import PaneWithWindows
from tests.dataflows.making import POLICY
from tests.laws.partials import ANCHOR_MS, PANE_MS, partial_of
from tests.saving import without

RULES = parse(POLICY)
PANE = ANCHOR_MS // PANE_MS


def said(start: int, stop: int, partition: str = "a") -> ShardInput:
    mark = PartitionProgress(partition=partition, newest=ANCHOR_MS)
    return ShardInput(shard=0, mark=mark, partitions=("a", "b"), span=Span(start=start, stop=stop))


def panes_after(*spans: tuple[int, int]) -> SavedPanes:
    panes = Panes(RULES)
    for start, stop in spans:
        panes.push(said(start, stop))
    return panes.save()


def test_what_follows_goes_on_and_what_moves_nothing_may_be_repeated() -> None:
    panes = Panes(RULES, panes_after((NOWHERE, 5), (5, 10)))
    for start, stop in ((10, 10), (10, 10), (10, 17)):
        panes.push(said(start, stop))
    panes.push(said(NOWHERE, NOWHERE, "b"))
    panes.push(said(NOWHERE, 3, "b"))
    assert panes.save().seen == {"a": 17, "b": 3}


@pytest.mark.parametrize(
    ("start", "words"), [(5, "position 10, and reading goes on from position 5"), (12, "position 12"), (NOWHERE, "its")]
)
def test_a_source_behind_or_ahead_of_the_panes_is_refused(start: int, words: str) -> None:
    with pytest.raises(OutOfStep, match=words):
        Panes(RULES, panes_after((NOWHERE, 10))).push(said(start, 20))


def test_panes_that_are_gone_are_missed() -> None:
    with pytest.raises(OutOfStep, match="know it up to its beginning"):
        Panes(RULES).push(said(10, 20))


def test_panes_saved_before_positions_were_kept_go_on() -> None:
    saved = panes_after((NOWHERE, 10))
    old = without(saved, "seen")
    assert old.seen is None
    panes = Panes(RULES, old)
    panes.push(said(10, 20))
    with pytest.raises(OutOfStep):
        panes.push(said(10, 20))


def test_windows_ahead_of_or_behind_the_panes_are_refused() -> None:
    for reached in (2, 4):
        windows = RecalledWindows(RULES, (0.5,), WindowProgress(order=reached, pane=PANE))
        with pytest.raises(OutOfStep, match=f"windows took {reached} closed panes"):
            list(windows.push(ReplayPlan(panes=(), order=3)))
    with pytest.raises(OutOfStep):
        list(RecalledWindows(RULES, (0.5,), None).push(ReplayPlan(panes=(), order=3)))
    with pytest.raises(OutOfStep):
        list(RecalledWindows(RULES, (0.5,), WindowProgress(order=4, pane=PANE)).push(Closed(pane=PANE, order=3)))


def test_a_slot_ahead_of_or_behind_the_panes_is_refused() -> None:
    slot = PaneStore(None)
    with pytest.raises(OutOfStep, match="holding None"):
        slot.push(ReplayRequest(pane=PANE))
    slot.push(Closed(pane=PANE, on_time=partial_of([])))
    with pytest.raises(OutOfStep, match=f"holding {PANE}"):
        slot.push(ReplayRequest(pane=PANE - 1))
    with pytest.raises(OutOfStep, match="held already"):
        PaneStore(slot.held).push(Closed(pane=PANE, on_time=partial_of([])))


def test_judgements_ahead_of_the_windows_are_refused() -> None:
    logic = judging(ShardEvaluation(RULES))
    logic.on_batch([moved(0), moved(1)])
    again = judging(ShardEvaluation(RULES, logic._evaluation.state))
    with pytest.raises(OutOfStep, match="judgements took 2 closed panes of its shard, and the next to come is 1"):
        again.on_batch([moved(1)])
    old = without(logic._evaluation.state, "order")
    assert old.order == UNKNOWN
    judging(ShardEvaluation(RULES, old)).on_batch([moved(7), moved(8)])


def judging(judge: ShardEvaluation) -> _EvaluationLogic:
    return _EvaluationLogic(judge, Metrics(CollectorRegistry()), ShardGauges(judge.policy), recover=True)


def moved(order: int) -> PaneWithWindows:
    return PaneWithWindows(closed=Closed(pane=PANE + order, order=order), windows=())


def test_unknown_takes_anything_once() -> None:
    in_order("windows", UNKNOWN, 5)
    seen = SpansSeen({"a": UNKNOWN})
    seen.take("a", Span(start=7, stop=9))
    assert seen.positions == {"a": 9}
