"""Runs a policy over files, without a store: the outcome of each closed pane, as in a worker with that policy."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from prometheus_client import CollectorRegistry

from flows.backtest.seen import Seen
from operators.connectors.stop import Stop
from operators.evaluation_state import PaneOutcome
from operators.handing_over import Coming
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Batch
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.steps import close_panes, evaluate_shards, slide_windows
from operators.window.pane_items import ShardInput
from operators.window.team_panes import TeamItem

EPOCH = timedelta(seconds=60)  # Nothing is buffered for a store, so epochs only cost.
Take = Callable[[Policy, PaneOutcome], None]


class Covered(msgspec.Struct, kw_only=True):
    """How many events and feedback there were, from when to when [Unix ms], and how many items were refused.

    `first_event_ms` and `last_event_ms` are for events alone: labels may come months later. `refusals` counts refused
    items by reason, `unclaimed` by model the items that no policy file takes; `seen` is what the rest holds.
    """

    items: int = 0
    refused: int = 0
    late: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    first_event_ms: int | None = None
    last_event_ms: int | None = None
    refusals: Counter[str] = msgspec.field(default_factory=Counter)
    unclaimed: Counter[str] = msgspec.field(default_factory=Counter)
    seen: Seen = msgspec.field(default_factory=Seen)


class NothingToMeasure(ValueError):
    """There are no events, or none in the time that is asked for."""


def each_outcome(inputs: Sequence[Input], policy: Policy, stop: Stop, take: Take) -> Covered:
    """Call `take` with the outcome of each pane of bounded inputs, and the policy of its model.

    Panes of a model come in order. Raises whatever stopped it.
    """
    taken = Covered()
    streams = {each.name: each.stream for each in inputs}
    watch = InputWatch(batch=lambda name, batch: _note(taken, batch, streams[name]))
    cli_main(
        _flow(MonitorSource(inputs, policy, stop=stop, watch=watch), policy, take, taken.seen), epoch_interval=EPOCH
    )  # type: ignore[no-untyped-call]  # A native function.
    if stop.error is not None:
        raise stop.error
    return taken


def _flow(source: MonitorSource, policy: Policy, take: Take, seen: Seen) -> Dataflow:
    """Return the monitor's deciding steps, without those that make rows (`flows/monitor.py`)."""
    metrics = Metrics(CollectorRegistry())
    flow = Dataflow("backtest")
    items: Any = op.filter("inputs", op.input("input", flow, source), lambda item: isinstance(item[1], ShardInput))
    # (shard, ShardInput)
    closed: Any = close_panes("panes", items, policy, metrics, False, Coming())
    noted: Any = op.inspect("seen", closed, lambda _, item: seen.take(policy, item[1]))
    moved = slide_windows("windows", noted, policy, False)
    # (shard, PaneWithWindows)
    op.output("outcomes", evaluate_shards("judge", moved, policy, metrics, False, Coming()), _Sink(policy, take))
    return flow


def _note(taken: Covered, batch: Batch, stream: Stream) -> None:
    taken.refused += len(batch.rejects)
    taken.refusals.update(reject.reason for reject in batch.rejects)
    taken.unclaimed.update(batch.unclaimed)
    taken.late += batch.late
    if stream == "commands" or not batch.items:
        return
    taken.items += batch.items
    taken.first_ms, taken.last_ms = _with(batch, taken.first_ms, taken.last_ms)
    if stream == "events":
        taken.first_event_ms, taken.last_event_ms = _with(batch, taken.first_event_ms, taken.last_event_ms)


def _with(batch: Batch, first_ms: int | None, last_ms: int | None) -> tuple[int, int]:
    """Return a span of time, extended by that of a batch."""
    return min(batch.oldest_ms, batch.oldest_ms if first_ms is None else first_ms), max(batch.newest_ms, last_ms or 0)


class _Sink(DynamicSink[tuple[str, Any]]):
    """Hands on the outcomes of panes."""

    def __init__(self, policy: Policy, take: Take) -> None:
        self._policy, self._take = policy, take

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_Part":
        return _Part(self._policy, self._take)


class _Part(StatelessSinkPartition[tuple[str, Any]]):
    def __init__(self, policy: Policy, take: Take) -> None:
        self._policy, self._take = policy, take

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        for _, item in items:
            if isinstance(item, TeamItem):
                self._take(self._policy.teams[item.team], item.item)
            else:
                self._take(self._policy, item)
