"""How a field of an event is read as a column of values; how columns of feedback are named."""

from collections.abc import Callable, Sequence
from typing import Any

from operators.profiles.profile import EMBEDDING
from operators.wire.events import Event

LATENCIES = ("latency_ms", "ttft_ms")
FEEDBACK = "feedback."
# A comprehension over a literal attribute is twice as fast as getattr by name.
READERS: dict[str, Callable[[Sequence[Event]], list[Any]]] = {
    "latency_ms": lambda events: [event.latency_ms for event in events],
    "ttft_ms": lambda events: [event.ttft_ms for event in events],
    "input_tokens": lambda events: [event.input_tokens for event in events],
    "output_tokens": lambda events: [event.output_tokens for event in events],
    "cost_usd": lambda events: [event.cost_usd for event in events],
    "score": lambda events: [event.score for event in events],
    "prediction": lambda events: [event.prediction for event in events],
    EMBEDDING: lambda events: [event.embedding for event in events],
    "features": lambda events: [event.features for event in events],
    "metrics": lambda events: [event.metrics for event in events],
}


def is_feedback(field: str) -> bool:
    """Tell whether a field is a number on feedback rather than on an event."""
    return field.startswith(FEEDBACK)


def kind_and_name(field: str) -> tuple[str, str]:
    """Return the kind of feedback of a field, and the name that the feedback must have, "" for any.

    >>> kind_and_name("feedback.kpi"), kind_and_name("feedback.kpi.net.margin")
    (('kpi', ''), ('kpi', 'net.margin'))
    """
    kind, _, name = field.removeprefix(FEEDBACK).partition(".")
    return kind, name


def of_kind_name(field: str) -> str:
    """Return the name of the column that marks feedback of the field's kind, with a number or without."""
    return f"{field}?"
