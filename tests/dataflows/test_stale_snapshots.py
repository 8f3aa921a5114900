"""A kill between an epoch's snapshots and its end, then an epoch in which no key is touched: nothing counts twice.

The engine leaves the snapshots of the first attempt in the store, and would load them at the start after next.
"""

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec
import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import TestingSink, run_main

from flows import monitor
from flows.recovery import store
from operators import steps
from operators.connectors.stop import Stop
from operators.ingest.messages import NOTHING, Messages
from operators.policy_file.toml import parse
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.store.rows import Rows
from operators.window import recall
from operators.window.fence import OutOfStep, SpansSeen
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import MemoryReader, exact, run_flow, tables_of

RULES = parse(POLICY)
BATCH = 100
READ_FIRST = 200
SILENT_READS = 5
LOG = log("dense", Random(1), 700)


class Killed(Exception):
    """What a kill is to the engine: the epoch under way does not count."""


class Run(msgspec.Struct, kw_only=True):
    """One start of the worker: how many messages it finds, and how it ends when there are no more."""

    readable: int
    when_silent: Literal["read on", "stop", "kill"] = "read on"
    kill_in_snapshot: bool = False
    read: int = 0
    stop: Stop = msgspec.field(default_factory=Stop)
    rows: list[Rows] = []


class Reader(MemoryReader):
    """Finds some of the log, and is silent then, as while the broker is frozen."""

    def __init__(self, run: Run, position: int | None) -> None:
        super().__init__(LOG, STARTED_MS, lambda: BATCH, lambda: 0, position)
        self._run, self._silent = run, 0

    def read(self) -> Messages | None:
        if self._run.when_silent == "read on" or self.position - LOG.first < self._run.readable:
            found = super().read()
            self._run.read = self.position - LOG.first
            return found
        self._silent += 1
        if self._silent > SILENT_READS:
            if self._run.when_silent == "kill":
                raise Killed
            self._run.stop.request()
        return NOTHING


class Sink(FixedPartitionedSink[Rows, None]):
    """Keeps rows in memory, and is killed with the first that it is to store of too many messages."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "SinkPart":
        return SinkPart(self._run)


class SinkPart(StatefulSinkPartition[Rows, None]):
    def __init__(self, run: Run) -> None:
        self._run = run

    def write_batch(self, values: list[Rows]) -> None:
        self._run.rows += values

    def snapshot(self) -> None:
        if self._run.kill_in_snapshot and self._run.read > self._run.readable:
            raise Killed


def start(folder: Path, run: Run) -> None:
    """Start the real dataflow on the real store, each batch an epoch of its own, until the run ends as it says."""
    inputs = [Input(name=LOG.name, stream="events", open=lambda position: Reader(run, position))]
    with store.opened(folder, 0, 1) as opened:
        source = MonitorSource(inputs, RULES, stop=run.stop, watch=InputWatch(begun=opened.begun), recover=True)
        flow = monitor.build(RULES, source, Sink(run), TestingSink([]), TestingSink([]), recover=True)
        try:
            run_main(flow, epoch_interval=timedelta(0), recovery_config=opened.config)  # type: ignore[no-untyped-call]
        except BytewaxRuntimeError as error:
            if error.__cause__ is None:
                raise
            raise error.__cause__ from error


def starts(folder: Path, then: Literal["stop", "kill"]) -> list[str]:
    """Start three times; return what was written in all."""
    first = Run(readable=READ_FIRST, kill_in_snapshot=True)
    with pytest.raises(Killed):
        start(folder, first)
    second = Run(readable=0, when_silent=then)
    with pytest.raises(Killed) if then == "kill" else nullcontext():
        start(folder, second)
    assert second.rows == []
    third = Run(readable=len(LOG.messages))
    start(folder, third)
    return sorted(set(exact(tables_of([*first.rows, *third.rows]))))


@pytest.fixture(scope="module")
def wanted() -> list[str]:
    return sorted(set(exact(run_flow(RULES, [LOG], STARTED_MS, sizes=lambda: BATCH).tables)))


@pytest.mark.parametrize("then", ["stop", "kill"])
def test_an_empty_epoch_after_a_kill_does_not_show(then: Any, wanted: list[str], tmp_path: Path) -> None:
    assert starts(tmp_path, then) == wanted


def left_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what does not count in the store, as the engine does."""
    monkeypatch.setattr(store, "remove_uncommitted", lambda parts: 0)


def test_state_ahead_of_its_source_stops_the_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the fence is for: if the engine, or a copy of the folder made at work, brings such a state about anyway."""
    left_in(monkeypatch)
    with pytest.raises(OutOfStep, match=r"dense: the saved panes know it up to position 301, .* from position 201"):
        starts(tmp_path, "kill")


def test_without_either_messages_count_twice(
    monkeypatch: pytest.MonkeyPatch, wanted: list[str], tmp_path: Path
) -> None:
    """So the two tests above look at a case that is one."""
    left_in(monkeypatch)
    monkeypatch.setattr(SpansSeen, "take", lambda self, partition, span: None)
    monkeypatch.setattr(recall, "in_order", lambda step, wanted, order: None)
    monkeypatch.setattr(steps, "in_order", lambda step, wanted, order: None)
    assert starts(tmp_path, "kill") != wanted
