"""Batches as the real OpenTelemetry SDK makes them, as protobuf and JSON, beside native messages that say the same."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, cast

from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as encode_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, set_span_in_context

from tests.dataflows.making import START_MS

NS = 1_000_000  # In a millisecond.
EVALUATION = "gen_ai.evaluation.result"
# The former names of present ones; one service may get spans with either.
DEPRECATED = {
    "gen_ai.usage.input_tokens": "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.output_tokens": "gen_ai.usage.completion_tokens",
    "gen_ai.provider.name": "gen_ai.system",
    "gen_ai.input.messages": "gen_ai.prompt",
    "gen_ai.output.messages": "gen_ai.completion",
}


class Twin(NamedTuple):
    """A batch in both encodings, and the native events and feedback in it, in its order."""

    proto: bytes
    json: bytes
    events: list[dict[str, Any]]
    feedback: list[dict[str, Any]]


class _Ids(IdGenerator):
    """The same ids in every run."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) | 1

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) | 1


class Recorder:
    """Makes spans of one service with the SDK and keeps them; ids follow from `seed`."""

    def __init__(self, resource: Mapping[str, Any], seed: int = 0) -> None:
        self.resource = resource
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(
            resource=Resource(dict(resource)), shutdown_on_exit=False, id_generator=_Ids(Random(seed))
        )
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests.otel_spans", "1")

    def span(
        self,
        attributes: Mapping[str, Any],
        start_ms: int,
        end_ms: int,
        *,
        failed: bool = False,
        events: Sequence[tuple[str, Mapping[str, Any], int]] = (),
        parent: ReadableSpan | None = None,
    ) -> ReadableSpan:
        """Record one span; `events` are on it, each with its attributes and time [ms]."""
        within = None if parent is None else set_span_in_context(NonRecordingSpan(cast(SpanContext, parent.context)))
        span = self.tracer.start_span("chat", within, start_time=start_ms * NS, attributes=dict(attributes))
        for name, told, at_ms in events:
            span.add_event(name, dict(told), timestamp=at_ms * NS)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=end_ms * NS)
        return self._exporter.get_finished_spans()[-1]

    def taken(self) -> Sequence[ReadableSpan]:
        """Return what was recorded, and forget it."""
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        return spans


def as_proto(spans: Sequence[ReadableSpan]) -> bytes:
    message: bytes = encode_spans(spans).SerializeToString()
    return message


def as_json(spans: Sequence[ReadableSpan]) -> bytes:
    return encode_json(spans).to_json().encode()


def native_id(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}-{context.span_id:016x}"


def twins(count: int, size: int, seed: int = 7, start_ms: int = START_MS) -> list[Twin]:
    """Return batches of `size` requests, `count` in all; some failed or were evaluated, and times do not go back."""
    random = Random(seed)
    made = []
    for first in range(0, count, size):
        version = f"v{1 + first // size % 2}"
        recorder = Recorder({"service.name": "shop", "service.version": version, "region": "eu"}, seed << 32 | first)
        events: list[dict[str, Any]] = []
        feedback: list[dict[str, Any]] = []
        for number in range(first, min(first + size, count)):
            _request(recorder, random, start_ms + number * 250, number, events, feedback)
        spans = recorder.taken()
        made.append(Twin(as_proto(spans), as_json(spans), events, feedback))
    return made


def _request(
    recorder: Recorder,
    random: Random,
    end_ms: int,
    number: int,
    events: list[dict[str, Any]],
    feedback: list[dict[str, Any]],
) -> None:
    latency_ms, tokens = random.randrange(20, 400), random.randrange(1_000)
    segment = random.choice(["pro", "free"])
    text = json.dumps([{"role": "user", "content": f"question {number} of ann@example.org"}])
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": f"m{random.randrange(2)}",
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": tokens // 2,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.conversation.id": f"s{number % 5}",
        "gen_ai.input.messages": text,
        "user.id": f"u{number % 7}",
        "segment": segment,
        "server.address": "api.example.org",
    }
    body: dict[str, Any] = {
        "ts": end_ms,
        "model": attributes["gen_ai.request.model"],
        "version": recorder.resource["service.version"],
        "slices": {"region": "eu", "segment": segment},
        "latency_ms": latency_ms,
        "input_tokens": tokens,
        "output_tokens": tokens // 2,
        "finish_reason": "stop",
        "session_id": f"s{number % 5}",
        "user_id": f"u{number % 7}",
        "endpoint": "api.example.org",
        "input": text,
    }
    if random.random() < 0.5:
        attributes["gen_ai.response.time_to_first_chunk"] = latency_ms / 4_000
        body["ttft_ms"] = latency_ms / 4_000 * 1_000
    if random.random() < 0.1:
        attributes["error.type"] = body["error_type"] = "timeout"
    failed = random.random() < 0.05
    if failed:
        body.setdefault("error_type", "_OTHER")
    if named := random.random() < 0.5:
        attributes["gen_ai.response.id"] = body["request_id"] = f"resp-{number}-{random.getrandbits(32):08x}"
    if random.random() < 0.3:
        attributes = {DEPRECATED.get(name, name): value for name, value in attributes.items()}
    names = random.choice([[], [], ["Relevance"], ["Relevance", "Groundedness"]])
    judged = [(EVALUATION, _judgement(random, name), end_ms) for name in names]
    if random.random() < 0.2:  # Spans of other work stand between those of inferences.
        recorder.span({"http.request.method": "GET"}, end_ms - 5, end_ms)
    span = recorder.span(attributes, end_ms - latency_ms, end_ms, failed=failed, events=judged)
    context = span.get_span_context()
    assert context is not None
    if not named:
        body["request_id"] = native_id(span)
    events.append(body | {"trace_id": f"{context.trace_id:032x}"})
    about = {name: body[name] for name in ("request_id", "model", "version", "slices")} | {"request_ts": end_ms}
    for _, told, at_ms in judged:
        value = told.get("gen_ai.evaluation.score.value", told.get("gen_ai.evaluation.score.label"))
        named_so = told["gen_ai.evaluation.name"]
        feedback.append(about | {"ts": at_ms, "kind": "judge", "name": named_so, "value": value})


def _judgement(random: Random, name: str) -> dict[str, Any]:
    told: dict[str, Any] = {"gen_ai.evaluation.name": name}
    if random.random() < 0.8:
        return told | {"gen_ai.evaluation.score.value": float(random.randrange(1, 6))}
    return told | {"gen_ai.evaluation.score.label": random.choice(["pass", "fail"])}
