"""A bounded run over files, without a broker: embedded ClickHouse, dead letters and a summary under one folder."""

import fcntl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.run import cli_main

from flows import monitor, settings
from operators.connectors.clickhouse import ClickHouseSink
from operators.connectors.files import DeadLetterFile, FileReader
from operators.connectors.inserter import Poison, Stats
from operators.connectors.migrations import migrate
from operators.connectors.source import Input, MonitorSource, Observe
from operators.connectors.stop import Stop
from operators.ingest.columns import Stream
from operators.ingest.partition import Batch
from operators.metrics import Metrics
from operators.policy import Policy

LOCK = ".lock"
EPOCH = timedelta(seconds=1)  # Rows are buffered for so long, then stored.
Progressed = Callable[[str, int], None]  # Told the input's name and how many of its bytes were read.
Claim = Callable[[Path], None]  # Makes a folder that is held ready for results, or raises FolderInUse.


class FolderInUse(Exception):
    """The output folder holds results already, or another run writes to it."""


class Summary(msgspec.Struct, kw_only=True):
    """What a run came to; written as summary.json."""

    policy: str
    events: int = 0
    feedback: int = 0
    late: int = 0
    rejects: Counter[str] = msgspec.field(default_factory=Counter)
    rows: Counter[str] = msgspec.field(default_factory=Counter)
    rows_refused: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    seconds: float = 0.0
    complete: bool = False


def inputs_of(events: Sequence[Path], feedback: Sequence[Path], policy: Policy, progressed: Progressed) -> list[Input]:
    """Return an input per file. OSError if one cannot be opened: better now than after an hour."""
    for path in (*events, *feedback):
        path.open("rb").close()
    return [
        *(_input(path, "events", policy, progressed) for path in events),
        *(_input(path, "feedback", policy, progressed) for path in feedback),
    ]


def _input(path: Path, stream: Stream, policy: Policy, progressed: Progressed) -> Input:
    name = str(path)
    return Input(
        name=name,
        stream=stream,
        open=lambda: FileReader(path, policy.dead_letters.message_bytes_max, lambda count: progressed(name, count)),
    )


def claim_empty(out: Path) -> None:
    """The claim of a plain run: nothing that was there before is touched."""
    if any(path.name != LOCK for path in out.iterdir()):
        raise FolderInUse(f"{out}: the folder is not empty; name another with --out, or empty it")


def run(
    inputs: Sequence[Input],
    policy: Policy,
    out: Path,
    stop: Stop,
    metrics: Metrics,
    *,
    claim: Claim = claim_empty,
    watch: Observe = lambda name, batch: None,
) -> Summary:
    """Run the monitor over inputs that end. Whatever stopped it early is raised once the engine has ended.

    `watch` is told of every batch after it was counted.
    """
    summary = Summary(policy=policy.hash)
    streams = {each.name: each.stream for each in inputs}
    began = time.monotonic()

    def observe(name: str, batch: Batch) -> None:
        _observe(summary, metrics, streams[name], name, batch)
        watch(name, batch)

    with _own(out, claim):
        url = settings.embedded(out)
        migrate(url, settings.migrations())
        letters = out / "deadletter.ndjson"
        letters.touch()
        source = MonitorSource(inputs, policy, started_ms=int(time.time() * 1000), stop=stop, observe=observe)
        sink = ClickHouseSink(
            url,
            lambda poison: _refuse(poison, letters, summary, metrics),
            observe=lambda stats: _count(stats, summary, metrics),
            fail=stop.fail,
        )
        flow = monitor.build(policy, source, sink, DeadLetterFile(letters, stop))
        cli_main(flow, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # A native function.
        summary.seconds = round(time.monotonic() - began, 3)
        summary.complete = not stop.requested
        (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    if stop.error is not None:
        raise stop.error
    return summary


@contextmanager
def _own(out: Path, claim: Claim) -> Iterator[None]:
    """Hold the folder against a second run, then claim it. FolderInUse when it is held, or cannot be claimed."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(f"{out}: another run is writing to this folder") from error
        claim(out)
        yield


def _observe(summary: Summary, metrics: Metrics, stream: Stream, name: str, batch: Batch) -> None:
    if stream == "events":
        summary.events += batch.items
    else:
        summary.feedback += batch.items
    summary.late += batch.late
    if batch.items:
        summary.first_ms = min(batch.oldest_ms, summary.first_ms or batch.oldest_ms)
        summary.last_ms = max(batch.newest_ms, summary.last_ms or batch.newest_ms)
    metrics.add("items", batch.items, stream)
    metrics.add("late", batch.late, name)
    for reason, count in Counter(reject.reason for reject in batch.rejects).items():
        summary.rejects[reason] += count
        metrics.add("rejects", count, reason)


def _count(stats: Stats, summary: Summary, metrics: Metrics) -> None:
    summary.rows[stats.table] += stats.rows
    metrics.add("sink_rows", stats.rows, stats.table)
    metrics.add("sink_retries", 0 if stats.rows else stats.attempts)


def _refuse(poison: Poison, letters: Path, summary: Summary, metrics: Metrics) -> None:
    """Keep a row that ClickHouse refuses for what it holds: nothing is lost, and it is named."""
    summary.rows_refused += 1
    metrics.add("sink_rejects", 1, poison.table)
    record = {
        "source": f"clickhouse:{poison.table}",
        "reason": "row_refused",
        "detail": poison.error,
        "value": poison.row,
    }
    with letters.open("ab") as file:
        file.write(msgspec.json.encode(record) + b"\n")
