"""Counts what the archive takes in, in its metrics."""

from operators.archive.log import Taken
from operators.metrics import Metrics


def count_taken(metrics: Metrics, name: str, taken: Taken) -> None:
    """Add what some messages of the input `name` held to the metrics."""
    metrics.add("items", taken.items, "events")
    metrics.add("tombstones", taken.tombstones, name)
    metrics.add("source_rejects", taken.rejects.total(), name)
    for reason, count in taken.rejects.items():
        metrics.add("rejects", count, reason)
    for field, count in taken.unusable.items():
        metrics.add("unusable", count, field)
    for kind, count in taken.redacted.items():
        metrics.add("redacted", count, kind)
