"""What is measured: decoding alone, the whole job, and a flow as the Bytewax manual would have it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main

from flows import monitor, policy_files, settings
from flows.garbage import collect_rarely
from operators.connectors.files import FileReader
from operators.connectors.stop import Stop
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.wire.events import Event

CHUNK = 4_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Counts = list[Any]  # Events, good ones, latencies.


class Discard(DynamicSink[Any]):
    """Throws away what comes in."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_Discard":
        return _Discard()


class _Discard(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        pass


def cpu_s(work: Callable[[], object], runs: int = 3) -> float:
    """Return the least CPU time of the process [s] over some runs: the others had more noise."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def own_peak_bytes() -> int:
    """Return the most memory that this process has had."""
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def decode_alone(events: list[bytes]) -> None:
    decode = msgspec.json.Decoder(Event).decode
    for start in range(0, len(events), CHUNK):
        list(map(decode, events[start : start + CHUNK]))


def whole_job(*paths: Path, policy: Policy | None = None) -> None:
    """The monitor, with the default policy, over some files; results are thrown away at the sink."""
    collect_rarely()
    policy = policy or policy_files.load_policy(settings.Settings().policy)
    stop = Stop()
    source = MonitorSource([file_input(path, policy) for path in paths], policy, stop=stop, watch=InputWatch())
    flow = monitor.build(policy, source, Discard(), Discard(), Discard())
    run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]  # A native function.
    if stop.error is not None:
        raise stop.error


def file_input(path: Path, policy: Policy) -> Input:
    started_ms = int(time.time() * 1000)
    return Input(
        name=str(path),
        stream="events",
        open=lambda _: FileReader(path, policy.dead_letters.message_bytes_max, started_ms, lambda _: None),
    )


def per_event(events: list[bytes], *, tuned: bool) -> None:
    """Decode, key, fold into 10 s windows, quantile, event by event: less than the job does.

    As the manual has it, or with every setting that makes it faster.
    """
    decode = msgspec.json.Decoder(Event).decode
    flow = Dataflow("per_event")
    stream = op.input("in", flow, TestingSource(events, batch_size=10_000 if tuned else 1_000))
    keyed = op.key_on("key", op.map("decode", stream, decode), _key)
    wait = timedelta(seconds=5)
    clock = EventClock(_time_of, wait_for_system_duration=wait)
    if tuned:
        clock = EventClock(_time_of, wait_for_system_duration=wait, to_system_utc=lambda _: None)
    windower = TumblingWindower(length=timedelta(seconds=10), align_to=EPOCH)
    folded = fold_window("fold", keyed, clock, windower, lambda: [0, 0, []], _fold, _joined, ordered=not tuned)
    op.output("out", op.map_value("p95", folded.down, _p95), Discard())
    run_main(flow)  # type: ignore[no-untyped-call]


def _key(event: Event) -> str:
    slices = event.slices or {}
    return f"{event.model}|{event.version}|{slices.get('region')}|{slices.get('segment')}"


def _time_of(event: Event) -> datetime:
    assert isinstance(event.ts, int)
    return datetime.fromtimestamp(event.ts / 1000, UTC)


def _fold(counts: Counts, event: Event) -> Counts:
    counts[0] += 1
    counts[1] += event.error_type is None
    counts[2].append(event.latency_ms)
    return counts


def _joined(one: Counts, other: Counts) -> Counts:
    return [one[0] + other[0], one[1] + other[1], one[2] + other[2]]


def _p95(window: tuple[int, Counts]) -> tuple[int, int, int, float]:
    number, (count, good, latencies) = window
    return number, count, good, float(np.quantile(latencies, 0.95))
