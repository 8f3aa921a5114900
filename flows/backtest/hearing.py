"""A policy over files, without a store: the control events that the monitor would have sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from flows import monitor
from operators.connectors.stop import Stop
from operators.ingest.partition import Batch
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.wire.control import ControlEvent

EPOCH = timedelta(seconds=60)  # Nothing is buffered that had to be written: epochs only cost.


class Heard(msgspec.Struct, kw_only=True):
    """What a policy said, in order; of how many events and feedback, from when to when [Unix ms]; refused items."""

    events: list[ControlEvent] = []
    items: int = 0
    refused: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


def heard(inputs: Sequence[Input], policy: Policy, stop: Stop) -> Heard:
    """Return what the monitor says of inputs that end, as a replay of them does. Whatever stopped it is raised."""
    found = Heard()
    watch = InputWatch(batch=lambda _, batch: _note(found, batch))
    source = MonitorSource(inputs, policy, stop=stop, watch=watch)
    flow = monitor.build(policy, source, _Sink([]), _Sink([]), _Sink(found.events))
    cli_main(flow, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # A native function.
    if stop.error is not None:
        raise stop.error
    found.events.sort(key=lambda event: (event.ts, event.model, event.revision))
    return found


def _note(found: Heard, batch: Batch) -> None:
    found.items += batch.items
    found.refused += len(batch.rejects)
    if batch.items:
        found.first_ms = min(batch.oldest_ms, batch.oldest_ms if found.first_ms is None else found.first_ms)
        found.last_ms = max(batch.newest_ms, found.last_ms or 0)


class _Sink(DynamicSink[tuple[str, Any]]):
    """Keeps control events; rows are let go."""

    def __init__(self, events: list[ControlEvent]) -> None:
        self._events = events

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_Part":
        return _Part(self._events)


class _Part(StatelessSinkPartition[tuple[str, Any]]):
    def __init__(self, events: list[ControlEvent]) -> None:
        self._events = events

    def write_batch(self, items: list[tuple[str, Any]]) -> None:
        self._events += [event for _, event in items if isinstance(event, ControlEvent)]
