"""The result of a run: counted while it goes on, into the metrics and into summary.json."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from operators.connectors.clickhouse.inserter import Stats
from operators.connectors.clickhouse.refused import Poison, letter_of
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Batch
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.input import Input
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS

WITHDRAWN_MAX = 100  # The control file has all.
UNREAD_MAX = 100  # Fields of a stream: producers choose the names.
UNCLAIMED_MAX = 20  # Models that no policy takes, in the summary.


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was taken out: by a rollback, or killed where `pin` is None. `slice` is the one worst affected."""

    ts: int
    model: str
    version: str
    pin: str | None
    rule: str
    slice: str


class Summary(msgspec.Struct, kw_only=True):
    """The result of a run; `complete` says that its inputs ended and all panes are closed.

    `unusable` counts items with an optional field that was left out, by field; `unread` has a stream's fields that
    nothing reads, with the known fields perhaps meant; `control` counts control events by type; `withdrawn` are the
    first versions that were rolled back or killed. `unclaimed` items are of models that none of several policies takes;
    `unclaimed_models` are the first of these models.
    """

    policy: str
    events: int = 0
    feedback: int = 0
    commands: int = 0
    late: int = 0
    rejects: Counter[str] = msgspec.field(default_factory=Counter)
    unusable: Counter[str] = msgspec.field(default_factory=Counter)
    unread: dict[Stream, list[str]] = {}
    duplicates: int = 0
    unclaimed: int = 0
    unclaimed_models: list[str] = []
    rows: Counter[str] = msgspec.field(default_factory=Counter)
    rows_refused: int = 0
    control: Counter[str] = msgspec.field(default_factory=Counter)
    withdrawn: list[Withdrawn] = []
    first_ms: int | None = None
    last_ms: int | None = None
    seconds: float = 0.0
    complete: bool = False


def count_batch(metrics: Metrics, stream: Stream, name: str, batch: Batch) -> Counter[str]:
    """Add a batch of the input `name` to the metrics; return how many items were refused, by reason."""
    for each, count in _by_stream(stream, batch).items():
        metrics.add("items", count, each)
    metrics.add("late", batch.late, name)
    if batch.behind_ms is not None:
        metrics.add("behind_seconds", batch.behind_ms / 1000, name)
    metrics.add("tombstones", batch.tombstones, name)
    rejects = Counter(reject.reason for reject in batch.rejects)
    for reason, count in rejects.items():
        metrics.add("rejects", count, reason)
    metrics.add("source_rejects", len(batch.rejects), name)
    metrics.add("notices", sum(notice.severity is not None for notice in batch.notices), name)
    metrics.add("duplicates", batch.duplicates, name)
    metrics.add("unclaimed", batch.unclaimed.total(), name)
    for field, count in batch.unusable.items():
        metrics.add("unusable", count, field)
    return rejects


def _by_stream(stream: Stream, batch: Batch) -> dict[Stream, int]:
    """Return how many items of each stream an input had: an input of events may also hold feedback."""
    if stream != "events" or not batch.feedback:
        return {stream: batch.items}
    return {"events": batch.items - len(batch.feedback), "feedback": len(batch.feedback)}


def count_stored(metrics: Metrics, stats: Stats) -> None:
    """Add an attempt to store rows to the metrics."""
    metrics.add("sink_rows", stats.rows, stats.table)
    if not stats.rows and not stats.rejected:
        metrics.add("sink_retries", stats.attempts)


class Recorder:
    """Records batches taken in, and rows stored or refused."""

    def __init__(self, inputs: Sequence[Input], policy: Policy, letters: Path, metrics: Metrics) -> None:
        self.summary = Summary(policy=policy.hash)
        self._streams = {each.name: each.stream for each in inputs}
        self._letters = letters
        self._metrics = metrics

    def take(self, name: str, batch: Batch) -> None:
        """Note a batch of the input `name`."""
        summary, stream = self.summary, self._streams[name]
        for each, count in _by_stream(stream, batch).items():
            setattr(summary, each, getattr(summary, each) + count)
        summary.late += batch.late
        if batch.items:
            summary.first_ms = min(batch.oldest_ms, summary.first_ms or batch.oldest_ms)
            summary.last_ms = max(batch.newest_ms, summary.last_ms or batch.newest_ms)
        summary.unusable += batch.unusable
        if batch.unread:
            unread = {*summary.unread.get(stream, ()), *batch.unread}
            summary.unread[stream] = sorted(unread)[:UNREAD_MAX]
        summary.duplicates += batch.duplicates
        summary.unclaimed += batch.unclaimed.total()
        nobodys = {*summary.unclaimed_models, *batch.unclaimed}
        summary.unclaimed_models = sorted(nobodys)[:UNCLAIMED_MAX]
        summary.rejects += count_batch(self._metrics, stream, name, batch)

    def stored(self, stats: Stats) -> None:
        """Note an attempt to store rows."""
        self.summary.rows[stats.table] += stats.rows
        count_stored(self._metrics, stats)

    def say(self, event: ControlEvent) -> None:
        """Note a control event."""
        summary = self.summary
        summary.control[event.type] += 1
        if EVENT_KINDS[event.type].withdraws and len(summary.withdrawn) < WITHDRAWN_MAX:
            summary.withdrawn.append(
                Withdrawn(
                    ts=event.ts,
                    model=event.model,
                    version=event.version,
                    pin=None if event.type == "kill" else event.pin,
                    rule=event.rule,
                    slice=event.slices[0].slice if event.slices else "*",
                )
            )

    def refuse(self, poison: Poison) -> None:
        """Keep a row that ClickHouse refuses for its contents, so that nothing is lost, and count it."""
        self.summary.rows_refused += 1
        self._metrics.add("sink_rejects", 1, poison.table)
        with self._letters.open("ab") as file:
            file.write(letter_of(poison) + b"\n")

    def write(self, out: Path) -> None:
        """Write summary.json, and metrics.prom in the text format of Prometheus."""
        text = msgspec.json.format(msgspec.json.encode(self.summary), indent=2)
        (out / "summary.json").write_bytes(text + b"\n")
        (out / "metrics.prom").write_bytes(self._metrics.text())
