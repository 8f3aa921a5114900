"""The wire types that come in: an event (one inference) and feedback (something learned later about it).

A message value is one JSON object, a JSON array of objects, or newline-delimited objects.
Limits stand in the types, so that a value outside its limits is refused while it is decoded.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

TEXT_MAX = 128  # Characters of a name, id or slice value.
# Sums are kept in whole units of 1e-6, of cost in 1e-9: one value beyond these limits would overflow 64 bits.
# Histograms end there too.
NUMBER_MAX = 1e12
INTEGER_MAX = 10**12
COST_MAX = 1e9
TS_MS_MIN = 946_684_800_000  # 2000-01-01. A smaller number is most likely a time in seconds.
TS_MS_MAX = 4_102_444_800_000  # 2100-01-01

NAME_MAX = 512  # Characters of the name of a document, which may be an address.
REASON_MAX = 2_000  # Characters of a judge's reason for a score.
LIST_MAX = 1_000  # Documents or tool calls of one request.

Id = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Name = Annotated[str, Meta(max_length=NAME_MAX)]
Number = Annotated[float, Meta(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Amount = Annotated[float, Meta(ge=0, le=NUMBER_MAX)]
Cost = Annotated[float, Meta(ge=0, le=COST_MAX)]
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Time = Annotated[int, Meta(ge=TS_MS_MIN, le=TS_MS_MAX)] | Annotated[datetime, Meta(tz=True)]
Slices = dict[Text, Text]
Scalar = str | Number | bool
# A list or an object is no feature value; it passes decoding, so that it costs only that feature, and no time.
Feature = str | float | bool | list[Any] | dict[str, Any] | None
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
ABSENT = msgspec.Raw(b"null")
REPORTED = "report"  # The sample of requests judged because a user complained: it counts for no version.
FLOOR = "floor"  # The sample of requests judged for their slice alone, at a larger rate than all others.
UNFAIR = (REPORTED, FLOOR)  # Samples that do not represent a version's answers as a whole.
UNUSABLE = "__unusable__"  # Stands for an error type, or a flag, that could not be read.

FeedbackKind = Literal["label", "judge", "thumbs", "edit", "abandon", "safety", "report", "kpi"]


class Event(msgspec.Struct, gc=False, kw_only=True):
    """One inference. `Raw` fields are only checked to be JSON: this job does not read them.

    (`Raw | None` would refuse everything but null.) Required fields must be right, or the event is refused; other
    fields that cannot be used are left out (`ingest/usable.py`). A boolean among features or metrics is a value: 1 or 0
    as a number, `true` or `false` as a category.
    """

    request_id: Id
    ts: Time
    model: Id
    version: Id
    # The number of an intended retry, from 1 on: another attempt is another event. Where versions are compared, only
    # the first attempt of a request counts, and one event in a pane of a session or a user (`window/chains.py`).
    attempt: Count | None = None
    mirrored: bool | None = None  # A copy of a request: no user waits for its answer.
    slices: Slices | None = None
    error_type: Text | None = None
    latency_ms: Amount | None = None
    ttft_ms: Amount | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cost_usd: Cost | None = None
    prediction: Feature = None
    score: Number | None = None
    features: dict[str, Feature] | None = None
    embedding: msgspec.Raw = ABSENT
    metrics: dict[str, Number | bool] | None = None
    flags: list[Text] | None = None
    prompt_version: Text | None = None
    endpoint: Text | None = None
    team: Text | None = None
    session_id: Text | None = None
    user_id: Text | None = None
    input: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT
    kind: msgspec.Raw = ABSENT  # Not an event's field: an item that has it may be feedback (`ingest/wrong_topic.py`).


class Retrieved(msgspec.Struct, gc=False, kw_only=True):
    """A document that was given to the model: its `score` in the search, its source and that source's version."""

    id: Name | None = None
    score: Number | None = None
    source: Text | None = None
    version: Text | None = None


class ToolCall(msgspec.Struct, gc=False, kw_only=True):
    """A tool that the model called, and whether that went well."""

    name: Text | None = None
    ok: bool | None = None
    latency_ms: Amount | None = None


class Request(Event, gc=False, kw_only=True):
    """An event with all its fields: the request log reads them, the monitor, for its speed, does not.

    Feature values and embeddings are for the monitor alone.
    """

    features: msgspec.Raw = ABSENT  # type: ignore[assignment]  # Not read here.
    trace_id: Text | None = None
    retrieval: Annotated[list[Retrieved], Meta(max_length=LIST_MAX)] | None = None
    tools: Annotated[list[ToolCall], Meta(max_length=LIST_MAX)] | None = None
    finish_reason: Text | None = None


class Feedback(msgspec.Struct, gc=False, kw_only=True):
    """Something learned about a request; `model` and `version` are its context when the producer knows it."""

    request_id: Id
    ts: Time
    kind: FeedbackKind
    value: Scalar | None = None
    source: Text | None = ""  # None is "", as for all optional fields: many producers write all fields.
    name: Text | None = ""  # The name of the criterion, where one source judges by several, or of the KPI.
    unit: Text | None = ""  # The unit of a KPI: EUR, minutes, ...
    sample: Text | None = None  # Why it was judged: "share", FLOOR, REPORTED (`operators/evaluate/sampling.py`).
    standing: Text | None = None  # Why its judge is distrusted (`operators/evaluate/golden.py`).
    reason: Annotated[str, Meta(max_length=REASON_MAX)] | None = None  # Why a judge gave this score, in its words.
    model: Id | None = None
    version: Id | None = None
    slices: Slices | None = None
    request_ts: Time | None = None
    mirrored: bool | None = False  # Feedback on the answer to a copy of a request.
    prediction: str | float | bool | None = None
    score: Number | None = None
    session_id: Text | None = None  # The request's, as in its event; the user is the one who gave the feedback.
    user_id: Text | None = None


def whose(items: Iterable[Event | Feedback]) -> list[str]:
    """Return the owner of each item: its user, or else its session; "" where it names neither."""
    return [f"u{each.user_id}" if each.user_id else f"s{each.session_id}" if each.session_id else "" for each in items]


def ms_of(value: int | datetime) -> int:
    """Return one time as Unix ms; fractions of a millisecond are cut off."""
    return value if isinstance(value, int) else (value - EPOCH) // MILLISECOND


def as_text(value: Scalar | None) -> str:
    """Return the one text form of a scalar, so that the label `1` matches the prediction `1.0`.

    >>> [as_text(value) for value in ("yes", True, 1, 1.0, 0.5, None)]
    ['yes', 'true', '1', '1', '0.5', '']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
