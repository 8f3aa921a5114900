"""Typed items to NumPy columns: the last place where Python touches single events.

Every number is a float64 column in which NaN means absent; a failed event's latency of zero is no latency.
"""

from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.events import Event, Feedback, as_text
from operators.policy import Policy
from operators.window.partial import Floats, Ints, Series

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LATENCIES = ("latency_ms", "ttft_ms")
MATCH, MISMATCH, UNKNOWN, NO_LABEL = 0, 1, 2, -1


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """n items of one stream: `series` (n,) index into `names`; `errors` (n,) into `error_types`, '' is none.

    `numbers` holds a float column (n,) per field that the policy names; `flagged` a bool column per SLI of
    kind flag_absent; `labels` (n,) MATCH, MISMATCH, UNKNOWN or NO_LABEL. Feedback has no errors.
    """

    names: Sequence[Series]
    series: Ints
    error_types: Sequence[str]
    errors: Ints | None
    numbers: dict[str, Floats]
    flagged: dict[str, NDArray[np.bool_]]
    labels: Ints | None


class _Index(dict[tuple[str, ...], int]):
    """Numbers keys in order of first appearance."""

    def __missing__(self, key: tuple[str, ...]) -> int:
        number = self[key] = len(self)
        return number


def times_of(values: Sequence[int | datetime]) -> Ints:
    """Return Unix ms, shape (n,), of times as decoded; fractions of a millisecond are cut off."""
    try:
        return np.frombuffer(array("q", cast(Sequence[int], values)), np.int64)
    except TypeError:
        return np.array([ms_of(value) for value in values], np.int64)


def ms_of(value: int | datetime) -> int:
    """Return one time as Unix ms."""
    return value if isinstance(value, int) else (value - EPOCH) // MILLISECOND


def of_events(events: Sequence[Event], policy: Policy) -> Columns:
    """Return the columns of some events that this policy needs."""
    fields = [field for field in fields_of(policy) if not field.startswith("feedback.")]
    names, series = _series(events, policy)
    kinds = [event.error_type for event in events]
    index = _Index()
    index[("",)]
    errors = np.array([index[(kind,)] if kind else 0 for kind in kinds], np.int64)
    numbers = {field: _numbers(events, field) for field in fields}
    for field in LATENCIES:
        if field in numbers and errors.any():
            numbers[field] = np.where((errors > 0) & (numbers[field] == 0), np.nan, numbers[field])
    flagged = {
        sli.name: np.array([not bad.isdisjoint(event.flags or ()) for event in events], bool)
        for sli in policy.slis
        if (bad := frozenset(sli.flags))
    }
    return Columns(
        names=names,
        series=series,
        error_types=[key[0] for key in index],
        errors=errors,
        numbers=numbers,
        flagged=flagged,
        labels=None,
    )


def of_feedback(items: Sequence[Feedback], policy: Policy) -> Columns:
    """Return the columns of some feedback with context (model and version)."""
    names, series = _series(items, policy)
    values = np.array([_number(item.value) for item in items], float)
    numbers = {}
    for field in fields_of(policy):
        if field.startswith("feedback."):
            kind = field.removeprefix("feedback.")
            numbers[field] = np.where([item.kind == kind for item in items], values, np.nan)
            numbers[f"{field}?"] = np.where([item.kind == kind for item in items], 1.0, np.nan)
    return Columns(
        names=names,
        series=series,
        error_types=[],
        errors=None,
        numbers=numbers,
        flagged={},
        labels=np.array([_label(item) for item in items], np.int64),
    )


def fields_of(policy: Policy) -> list[str]:
    """Return every numeric field that a measure or an SLI of the policy reads, each once."""
    named = [measure.name for measure in policy.measures] + [sli.field for sli in policy.slis if sli.field]
    return list(dict.fromkeys(named))


def _series(items: Sequence[Event] | Sequence[Feedback], policy: Policy) -> tuple[list[Series], Ints]:
    slices: list[dict[str, str]] = [item.slices or {} for item in items]
    values: Iterable[tuple[str, ...]] = zip(
        [item.model or "" for item in items],
        [item.version or "" for item in items],
        *([known.get(name, "") for known in slices] for name in policy.dimensions),
        strict=True,
    )
    index = _Index()
    series = np.fromiter(map(index.__getitem__, values), np.int64, len(items))
    return [Series(key[0], key[1], key[2:]) for key in index], series


def _numbers(events: Sequence[Event], field: str) -> Floats:
    if field.startswith("metrics."):
        name = field.removeprefix("metrics.")
        return np.array([(event.metrics or {}).get(name) for event in events], float)
    # A comprehension over a literal attribute is twice as fast as getattr by name.
    return np.array(_READERS[field](events), float)


_READERS = {
    "latency_ms": lambda events: [event.latency_ms for event in events],
    "ttft_ms": lambda events: [event.ttft_ms for event in events],
    "input_tokens": lambda events: [event.input_tokens for event in events],
    "output_tokens": lambda events: [event.output_tokens for event in events],
    "cost_usd": lambda events: [event.cost_usd for event in events],
    "score": lambda events: [event.score for event in events],
}


def _number(value: object) -> float:
    """A number, true as 1 and false as 0; anything else is no number."""
    return float(value) if isinstance(value, (int, float)) else np.nan


def _label(item: Feedback) -> int:
    if item.kind != "label":
        return NO_LABEL
    if item.prediction is None or item.value is None:
        return UNKNOWN
    return MATCH if as_text(item.value) == as_text(item.prediction) else MISMATCH
