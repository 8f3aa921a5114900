"""Counters whose labels are known in advance, begun at zero: `increase()` misses a counter that is born at one."""

from collections.abc import Mapping, Sequence
from typing import get_args

from operators.metrics import Metrics, Name
from operators.store.columns import TABLES
from operators.wire.control import ControlType, Word

CLOSED: Mapping[Name, Sequence[str]] = {
    "control_events": get_args(ControlType),
    "verdicts": get_args(Word),
    "sink_rows": tuple(TABLES),
    "sink_rejects": tuple(TABLES),
}


def begin_at_zero(metrics: Metrics) -> None:
    """Create each of these counters before anything has happened."""
    for name, labels in CLOSED.items():
        for label in labels:
            metrics.add(name, 0, label)
