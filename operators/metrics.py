"""Every operational metric of rollguard: name, kind, unit and meaning, and the one way to move it.

They are in the registry of prometheus_client, which Bytewax serves on /metrics. Labels are bounded: no ids.
"""

from collections.abc import Callable
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

Name = Literal[
    "items",
    "rejects",
    "source_rejects",
    "notices",
    "tombstones",
    "unusable",
    "duplicates",
    "unclaimed",
    "redacted",
    "waiting",
    "lookups",
    "lookup_seconds",
    "judged",
    "evaluation_failed",
    "evaluation_skipped",
    "evaluation_rate",
    "judge_believed",
    "late",
    "behind_seconds",
    "open_panes",
    "watermark_lag_seconds",
    "epoch_seconds",
    "lag",
    "idle",
    "clock_steps",
    "epoch_age_seconds",
    "message_age_seconds",
    "command_age_seconds",
    "broker_age_seconds",
    "ready",
    "rival_events",
    "verdicts",
    "control_events",
    "drift",
    "folded",
    "sink_rows",
    "sink_retries",
    "sink_rejects",
]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` says what `Metrics.add` does: add to a counter, set a gauge, observe in a histogram."""

    kind: type[Counter] | type[Gauge] | type[Histogram]
    meaning: str
    label: str = ""


METRICS: dict[Name, Metric] = {
    "items": Metric(kind=Counter, meaning="Valid events, feedback and commands taken in.", label="stream"),
    "rejects": Metric(kind=Counter, meaning="Items refused and kept as dead letters.", label="reason"),
    "source_rejects": Metric(kind=Counter, meaning="Items refused, by input.", label="source"),
    "notices": Metric(
        kind=Counter, meaning="Times an input came to have too much that is late, refused or behind.", label="source"
    ),
    "tombstones": Metric(
        kind=Counter, meaning="Messages without a value, which hold no item and are passed over.", label="source"
    ),
    "duplicates": Metric(kind=Counter, meaning="Items that had come before, and are dropped.", label="source"),
    "unclaimed": Metric(
        kind=Counter, meaning="Items of models that no policy takes, where there are several.", label="source"
    ),
    "unusable": Metric(
        kind=Counter, meaning="Items counted without an optional field that could not be used.", label="field"
    ),
    "redacted": Metric(kind=Counter, meaning="Parts of texts that were replaced by marks.", label="kind"),
    "waiting": Metric(
        kind=Gauge,
        meaning="Feedback that waits for its request, or requests for their judgement, or behind such, by input.",
        label="source",
    ),
    "lookups": Metric(kind=Counter, meaning="Requests that were looked up for feedback without context."),
    "lookup_seconds": Metric(kind=Histogram, meaning="Wall time of a question to the request log, for many requests."),
    "judged": Metric(kind=Counter, meaning="Judgements with a score.", label="evaluator"),
    "evaluation_failed": Metric(kind=Counter, meaning="Judgements without one, after all calls.", label="reason"),
    "evaluation_skipped": Metric(
        kind=Counter, meaning="Judgements of requests that were drawn which were not asked for.", label="reason"
    ),
    "evaluation_rate": Metric(
        kind=Gauge,
        meaning="The part of its share that an evaluator judges; below 1 it cannot keep up.",
        label="evaluator",
    ),
    "judge_believed": Metric(
        kind=Gauge, meaning="1 while a judge is believed, 0 while it disagrees or is new.", label="evaluator"
    ),
    "late": Metric(kind=Counter, meaning="Items late in their own partition; kept apart.", label="source"),
    "behind_seconds": Metric(
        kind=Gauge, meaning="Event time of a partition behind the broker's clock at its last message.", label="source"
    ),
    "open_panes": Metric(kind=Gauge, meaning="Panes of a shard that are not closed yet.", label="shard"),
    "watermark_lag_seconds": Metric(
        kind=Gauge, meaning="Event time from the watermark to the newest event of a shard's input.", label="shard"
    ),
    "epoch_seconds": Metric(kind=Histogram, meaning="Wall time from one epoch to the next, by input.", label="source"),
    "lag": Metric(kind=Gauge, meaning="Messages of a partition that are still to be read.", label="source"),
    "idle": Metric(
        kind=Counter, meaning="Times a silent partition was left out, so that panes could close.", label="source"
    ),
    "clock_steps": Metric(kind=Counter, meaning="Times the wall clock stepped back, and the dataflow began again."),
    "epoch_age_seconds": Metric(kind=Gauge, meaning="Since an epoch ended, or the worker began."),
    "message_age_seconds": Metric(kind=Gauge, meaning="Since a message was read, or the worker began."),
    "command_age_seconds": Metric(kind=Gauge, meaning="Since a command was read, or the worker began."),
    "broker_age_seconds": Metric(kind=Gauge, meaning="Since a Kafka broker answered, or the worker began."),
    "ready": Metric(kind=Gauge, meaning="1 while /readyz says ready, else 0."),
    "rival_events": Metric(kind=Counter, meaning="Control events of our models that another worker has written."),
    "verdicts": Metric(kind=Counter, meaning="Verdicts that changed.", label="verdict"),
    "control_events": Metric(kind=Counter, meaning="Control events that were said.", label="type"),
    "drift": Metric(kind=Counter, meaning="Windows and alarms in which a monitor found drift.", label="monitor"),
    "folded": Metric(kind=Counter, meaning="Events of what is past a limit, counted as __other__.", label="kind"),
    "sink_rows": Metric(kind=Counter, meaning="Rows that ClickHouse has stored.", label="table"),
    "sink_retries": Metric(kind=Counter, meaning="Inserts sent again after a fault."),
    "sink_rejects": Metric(kind=Counter, meaning="Rows that ClickHouse refused for what they hold.", label="table"),
}


class Metrics:
    """The metrics of one process. Each is named rollguard_NAME; counters end in _total."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._beside: Collector | None = None
        self._metrics = {
            name: metric.kind(
                f"rollguard_{name}", metric.meaning, [metric.label] if metric.label else [], registry=registry
            )
            for name, metric in METRICS.items()
        }
        self._moves: dict[tuple[Name, str], Callable[[float], None]] = {}  # By label.

    def show(self, collector: Collector) -> None:
        """Show a collector's metrics too, in place of the last collector's: a dataflow may begin again."""
        if self._beside is not None:
            self._registry.unregister(self._beside)
        self._registry.register(collector)
        self._beside = collector

    def text(self) -> bytes:
        """Return the present values of all metrics, in the text format of Prometheus."""
        return generate_latest(self._registry)

    def add(self, name: Name, amount: float, label: str = "") -> None:
        """Move a metric by `amount`, or to it; `Metric.kind` says which."""
        move = self._moves.get((name, label))
        if move is None:
            move = self._moves[name, label] = self._move(name, label)
        move(amount)

    def _move(self, name: Name, label: str) -> Callable[[float], None]:
        """Return the function that moves the metric of a label, to be kept: looking it up costs more than the call."""
        metric = self._metrics[name]
        target = metric.labels(label) if METRICS[name].label else metric
        if isinstance(target, Counter):
            return target.inc
        return target.set if isinstance(target, Gauge) else target.observe
