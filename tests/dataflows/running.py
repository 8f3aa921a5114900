"""Runs the monitor over logs in memory: through the real dataflow, or its engine-free parts in any order of batches."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import numpy as np
from bytewax.testing import TestingSink, run_main

from flows import monitor
from operators.connectors.stop import Stop
from operators.evaluation import ShardEvaluation
from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.recovery import shard_key
from operators.rows.items import dead_letter_rows, feedback_rows
from operators.rows.panes import pane_rows, stored_rows
from operators.rows.progress import progress_rows
from operators.rows.verdicts import outcome_rows
from operators.rows.windows import window_rows
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.store.rows import Coded, Ragged, Rows
from operators.window.pane_items import Closed, ShardInput
from operators.window.panes import Panes
from operators.window.windows import PaneWithWindows, Windows
from operators.wire.control import ControlEvent
from tests.dataflows.making import received
from tests.oracle import Log

Table = dict[str, list[dict[str, Any]]]


def plain(column: Any) -> list[Any]:
    """One Python value per row of a column."""
    if isinstance(column, Coded):
        return [column.values[code] for code in column.codes.tolist()]
    if isinstance(column, Ragged):
        flat = column.flat.tolist() if isinstance(column.flat, np.ndarray) else list(column.flat)
        return [flat[start:end] for start, end in pairwise(column.offsets.tolist())]
    return list(column.tolist() if hasattr(column, "tolist") else column)


def expand(rows: Rows) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    columns = [plain(column) for column in rows.columns.values()]
    return [dict(zip(rows.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def tables_of(all_rows: Iterable[Rows]) -> Table:
    tables: Table = defaultdict(list)
    for rows in all_rows:
        tables[rows.table] += expand(rows)
    return tables


def exact(tables: Table) -> list[str]:
    """Every row of every table as text that tells apart any two numbers, types and signs of zero, in one order."""
    return sorted(f"{table} {row!r}" for table, rows in tables.items() for row in rows)


def messages_of(log: Log, start: int, stop: int, received_ms: int) -> Messages:
    """Return messages start .. stop - 1 of a log, counted from 0, all received at one time."""
    return received(log.messages[start:stop], log.first + start, received_ms)


class MemoryReader:
    """Reads batches from memory; `pauses` is how often it has nothing at the moment before each."""

    at_end = False

    def __init__(
        self, log: Log, received_ms: int, sizes: Callable[[], int], pauses: Callable[[], int], position: int | None
    ) -> None:
        self._log, self._received_ms, self._sizes, self._pauses = log, received_ms, sizes, pauses
        self._at = 0 if position is None else position - log.first
        self._wait = pauses()

    @property
    def position(self) -> int:
        return self._log.first + self._at

    def read(self) -> Messages | None:
        if self._wait:
            self._wait -= 1
            return messages_of(self._log, self._at, self._at, self._received_ms)
        if self._at >= len(self._log.messages):
            return None
        first = self._at
        self._at = min(first + self._sizes(), len(self._log.messages))
        self._wait = self._pauses()
        return messages_of(self._log, first, self._at, self._received_ms)

    def recheck(self) -> None: ...

    def close(self) -> None: ...


class Ran(msgspec.Struct, kw_only=True):
    """What a run wrote, and what it took in."""

    tables: Table
    letters: list[dict[str, Any]]
    batches: list[tuple[str, Batch]]
    stop: Stop
    control: list[ControlEvent]
    rows: list[Rows]

    @property
    def items(self) -> int:
        return sum(batch.items for _, batch in self.batches)

    @property
    def rejects(self) -> int:
        return sum(len(batch.rejects) for _, batch in self.batches)


def run_flow(
    policy: Policy,
    logs: Sequence[Log],
    started_ms: int,
    *,
    sizes: Callable[[], int] = lambda: 1_000,
    pauses: Callable[[str], int] = lambda _: 0,
    form: str = "native",
    metrics: Metrics | None = None,
) -> Ran:
    """Run the real dataflow over logs in a format.

    `sizes` draws the messages of each batch, `pauses` the empty reads before it.
    """

    def opener(log: Log) -> Callable[[int | None], MemoryReader]:
        return lambda position: MemoryReader(log, started_ms, sizes, lambda: pauses(log.name), position)

    stop = Stop()
    batches: list[tuple[str, Batch]] = []
    inputs = [Input(name=log.name, stream=_stream(log), open=opener(log), form=form) for log in logs]
    source = MonitorSource(
        inputs,
        policy,
        stop=stop,
        watch=InputWatch(batch=lambda name, batch: batches.append((name, batch))),
    )
    rows: list[tuple[str, Rows]] = []
    letters: list[tuple[str, Rows]] = []
    control: list[tuple[str, ControlEvent]] = []
    flow = monitor.build(policy, source, TestingSink(rows), TestingSink(letters), TestingSink(control), metrics)
    run_main(flow)  # type: ignore[no-untyped-call]  # A native function.
    return Ran(
        tables=tables_of(rows for _, rows in rows),
        letters=[letter for _, some in letters for letter in expand(some)],
        batches=batches,
        stop=stop,
        control=[event for _, event in control],
        rows=[some for _, some in rows],
    )


def run_pure(policy: Policy, logs: Sequence[Log], started_ms: int, random: Random, size_max: int) -> Table:
    """Run the engine-free parts in a random order of partitions, each in batches of a random size."""
    names = tuple(log.name for log in logs)
    partitions = {log.name: Partition(log.name, _stream(log), names, policy) for log in logs}
    at = dict.fromkeys(names, 0)
    shards = Shards(policy)
    out: list[Rows] = []
    left = {log.name: log for log in logs}
    while left:
        log = left[random.choice(list(left))]
        first = at[log.name]
        if first >= len(log.messages):
            out += shards.push(partitions[log.name].end())
            del left[log.name]
            continue
        messages = messages_of(log, first, first + random.randint(1, size_max), started_ms)
        at[log.name] += len(messages)
        batch = partitions[log.name].take(messages)
        out += shards.push(batch.inputs)
        if batch.rejects:
            out.append(dead_letter_rows(batch.rejects, log.name, policy))
        if batch.feedback:
            out.append(feedback_rows(batch.feedback, policy))
    return tables_of(out)


def run_shards(policy: Policy, logs: Sequence[Log], started_ms: int, size: int) -> "Shards":
    """Run the engine-free parts over logs, one after the other, and return what they keep."""
    names = tuple(log.name for log in logs)
    shards = Shards(policy)
    for log in logs:
        partition = Partition(log.name, _stream(log), names, policy)
        for first in range(0, len(log.messages), size):
            shards.push(partition.take(messages_of(log, first, first + size, started_ms)).inputs)
        shards.push(partition.end())
    return shards


class Shards:
    """The engine-free parts of all shards, and the control events that they said."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.events: list[ControlEvent] = []
        self.panes: dict[str, Panes] = defaultdict(lambda: Panes(policy))
        self._windows: dict[str, Windows] = defaultdict(lambda: Windows(policy, tuple(QUANTILES.values())))
        self.judges: dict[str, ShardEvaluation] = defaultdict(lambda: ShardEvaluation(policy))

    def push(self, inputs: Iterable[tuple[int, ShardInput]]) -> list[Rows]:
        out: list[Rows] = []
        for shard, item in inputs:
            for closed in self.panes[shard_key(shard)].push(item):
                assert isinstance(closed, Closed)
                out += pane_rows(closed, self._policy)
                out += progress_rows([(shard_key(shard), closed, self._policy)])
                windows = tuple(self._windows[shard_key(shard)].push(closed))
                for counts in windows:
                    out += window_rows(counts, self._policy)
                for part in self._windows[shard_key(shard)].take_stored():
                    out += stored_rows(part, self._policy)
                for outcome in self.judges[shard_key(shard)].push(PaneWithWindows(closed=closed, windows=windows)):
                    self.events += outcome.events
                    out += outcome_rows(outcome, self._policy)
        return out


def _stream(log: Log) -> Any:
    return log.stream
