"""The stateful Bytewax operators of the monitor, keyed by shard: thin wrappers around engine-free classes.

The steps' names and the keys are recovery schema (flows/README.md). What is saved is made bytes here, at once, because
the engine saves it later, when the state may have moved on. A bounded run saves nothing: `recover` is false.
"""

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState, PaneOutcome
from operators.metrics import Metrics
from operators.model_gauges import ModelGauges, ShardGauges
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.recovery import dumps, loads
from operators.rows.panes import pane_rows, stored_rows
from operators.rows.progress import progress_rows
from operators.rows.windows import window_rows
from operators.store.rows import Rows
from operators.window.fence import in_order
from operators.window.panes import Closed, PaneItem, Panes, ReplayRequest, SavedPanes, ShardInput, slots_of
from operators.window.recall import PaneReplay, PaneStore, RecalledWindows, WindowProgress
from operators.window.windows import PaneWithWindows


class _PanesLogic(StatefulBatchLogic[ShardInput, PaneItem, bytes | None]):
    def __init__(self, panes: Panes, metrics: Metrics, recover: bool) -> None:
        self._panes = panes
        self._metrics = metrics
        self._recover = recover

    def on_batch(self, values: list[ShardInput]) -> tuple[list[PaneItem], bool]:
        out = [item for value in values for item in self._panes.push(value)]
        for folded in (each for item in out if isinstance(item, Closed) for each in item.folded):
            self._metrics.add("folded", folded.events, folded.kind)
        if out or self._panes.open:  # Most shards never have events: they need no metrics.
            shard = str(values[-1].shard)
            self._metrics.add("open_panes", len(self._panes.open), shard)
            self._metrics.add("watermark_lag_seconds", self._panes.lag_ms / 1000, shard)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._panes.save(), self._panes.policy) if self._recover else None


class _SlotLogic(StatefulBatchLogic[PaneItem, PaneItem | PaneReplay, bytes]):
    def __init__(self, slot: PaneStore, policy: Policy) -> None:
        self._slot = slot
        self._policy = policy

    def on_batch(self, values: list[PaneItem]) -> tuple[list[PaneItem | PaneReplay], bool]:
        return [self._slot.push(value) for value in values], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return dumps(self._slot.held, self._policy)


class _WindowsLogic(StatefulBatchLogic[PaneItem | PaneReplay, PaneWithWindows, bytes | None]):
    def __init__(self, windows: RecalledWindows, policy: Policy, recover: bool) -> None:
        self._windows = windows
        self._policy = policy
        self._recover = recover

    def on_batch(self, values: list[PaneItem | PaneReplay]) -> tuple[list[PaneWithWindows], bool]:
        return [moved for value in values for moved in self._windows.push(value)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._windows.reached, self._policy) if self._recover else None


class _EvaluationLogic(StatefulBatchLogic[PaneWithWindows, PaneOutcome, bytes | None]):
    def __init__(self, evaluation: ShardEvaluation, metrics: Metrics, gauges: ShardGauges, recover: bool) -> None:
        self._evaluation = evaluation
        self._metrics = metrics
        self._gauges = gauges
        gauges.tell(evaluation.state.models)
        self._recover = recover

    def on_batch(self, values: list[PaneWithWindows]) -> tuple[list[PaneOutcome], bool]:
        out: list[PaneOutcome] = []
        for value in values:
            in_order("judgements", self._evaluation.state.order, value.closed.order)
            came_to = self._evaluation.push(value)
            self._gauges.take(value.windows, (rows for each in came_to for rows in each.rows))
            out += came_to
            self._evaluation.state.order = value.closed.order + 1
        for outcome in out:
            for verdict in outcome.verdicts:
                self._metrics.add("verdicts", 1, verdict.word)
            for event in outcome.events:
                self._metrics.add("control_events", 1, event.type)
            for drift in outcome.drift.drifts:
                if drift.word == "BAD":
                    self._metrics.add("drift", 1, drift.monitor)
        self._gauges.tell(self._evaluation.state.models)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._evaluation.state, self._evaluation.policy) if self._recover else None


@operator
def close_panes(
    step_id: str, up: KeyedStream[ShardInput], policy: Policy, metrics: Metrics, recover: bool
) -> KeyedStream[PaneItem]:
    """(shard, input) in; (shard, closed pane) out, in order of panes; after a restart first `ReplayRequest`s."""

    def build(saved: bytes | None) -> _PanesLogic:
        return _PanesLogic(Panes(policy, loads(saved, SavedPanes, policy)), metrics, recover)

    return op.stateful_batch("close", up, build)


@operator
def hold_panes(step_id: str, up: KeyedStream[PaneItem], policy: Policy) -> KeyedStream[PaneItem | PaneReplay]:
    """(shard, closed pane) in and out, each pane kept under its slot; (shard, PaneReplay) out when asked."""
    slots = max(slots_of(policy), 1)  # Without windows nothing that is held is asked for.

    def to_slot(item: tuple[str, PaneItem]) -> tuple[str, PaneItem]:
        shard, value = item
        if isinstance(value, ReplayRequest) or (isinstance(value, Closed) and value.on_time is not None):
            return f"{shard}/{value.pane % slots}", value
        return f"{shard}/", value

    def build(saved: bytes | None) -> _SlotLogic:
        return _SlotLogic(PaneStore(loads(saved, tuple, policy)), policy)

    held = op.stateful_batch("hold", op.map("to_slot", up, to_slot), build)
    return op.map("to_shard", held, lambda item: (item[0].partition("/")[0], item[1]))


@operator
def write_panes(step_id: str, up: KeyedStream[PaneItem], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in; (shard, rows of the pane tables that do not wait for a pane of the store) out."""

    def rows(item: PaneItem) -> list[Rows]:
        return pane_rows(item, policy) if isinstance(item, Closed) else []

    return op.flat_map_value("rows", up, rows)


@operator
def write_progress(step_id: str, up: KeyedStream[PaneItem], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in; (shard, row of table progress) out."""

    def rows(item: tuple[str, PaneItem]) -> list[tuple[str, Rows]]:
        shard, pane = item
        return [(shard, each) for each in progress_rows(shard, pane, policy)] if isinstance(pane, Closed) else []

    return op.flat_map("rows", up, rows)


@operator
def slide_windows(
    step_id: str, up: KeyedStream[PaneItem | PaneReplay], policy: Policy, recover: bool
) -> KeyedStream[PaneWithWindows]:
    """(shard, closed pane) in; (shard, closed pane with the windows that end) out, in order of panes."""

    def build(saved: bytes | None) -> _WindowsLogic:
        windows = RecalledWindows(policy, tuple(QUANTILES.values()), loads(saved, WindowProgress, policy))
        return _WindowsLogic(windows, policy, recover)

    return op.stateful_batch("slide", up, build)


@operator
def write_windows(step_id: str, up: KeyedStream[PaneWithWindows], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane with its windows) in; (shard, rows of the window tables and of panes of the store) out."""

    def rows(moved: PaneWithWindows) -> list[Rows]:
        windows = [some for counts in moved.windows for some in window_rows(counts, policy)]
        return windows + [some for part in moved.stored for some in stored_rows(part, policy)]

    return op.flat_map_value("rows", up, rows)


@operator
def evaluate_shards(
    step_id: str, up: KeyedStream[PaneWithWindows], policy: Policy, metrics: Metrics, recover: bool
) -> KeyedStream[PaneOutcome]:
    """(shard, closed pane with its windows) in, in order; (shard, verdicts that changed and control events) out."""
    gauges = ModelGauges(policy)
    metrics.show(gauges)

    def build(saved: bytes | None) -> _EvaluationLogic:
        evaluation = ShardEvaluation(policy, loads(saved, EvaluationState, policy))
        return _EvaluationLogic(evaluation, metrics, gauges.shard(), recover)

    return op.stateful_batch("decide", up, build)
