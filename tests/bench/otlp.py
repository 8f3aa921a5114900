"""What an event costs the monitor as a span, in batches of protobuf and of JSON, against a native message."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from bytewax.testing import run_main
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from flows import monitor, policy_files, settings
from flows.enrich.files import reader_of
from operators.connectors.stop import Stop
from operators.sources.input import InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard, cpu_s, file_input
from tests.bench.generate import lines, write

BATCH = 100  # Spans of a batch: a collector's default is more, and then a batch is read cheaper.
NS = 1_000_000


def costs(count: int) -> dict[str, float]:
    """Return the CPU seconds of an event in the whole job, by form."""
    events = lines(count, 36, 18_000)
    batches = [_spans(events[first : first + BATCH]) for first in range(0, count, BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        native, proto, text = (Path(folder, name) for name in ("native.ndjson", "spans.binpb", "spans.jsonl"))
        write(native, events)
        write(text, [msgspec.json.encode(_json(each)) for each in batches])
        proto.write_bytes(b"".join(len(each).to_bytes(4) + each for each in map(_proto, batches)))
        forms = {"native": (native, "native"), "protobuf": (proto, "otlp"), "JSON": (text, "otlp")}
        return {name: cpu_s(lambda: _job(*each), runs=2) / count for name, each in forms.items()}  # noqa: B023


def _job(path: Path, form: str) -> None:
    policy = policy_files.load_policy(settings.Settings().policy)
    stop = Stop()
    taken = [0]
    most = policy.dead_letters.message_bytes_max
    each = msgspec.structs.replace(
        file_input(path, policy), form=form, open=lambda _: reader_of(form)(path, most, 1 << 60, lambda _: None)
    )
    watch = InputWatch(batch=lambda _, batch: taken.append(taken.pop() + batch.items))
    source = MonitorSource([each], policy, stop=stop, watch=watch)
    flow = monitor.build(policy, source, Discard(), Discard(), Discard())
    run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]  # A native function.
    assert taken[0] > 0, stop.error


def _spans(events: Sequence[bytes]) -> list[dict[str, Any]]:
    """Spans with what the events say, and as many attributes as instrumentations add that nobody reads here."""
    return list(map(_span, islice(map(msgspec.json.decode, events), len(events))))


def _span(event: dict[str, Any]) -> dict[str, Any]:
    end = event["ts"] * NS
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": event["model"],
        "gen_ai.response.model": f"{event['model']}-2025-08-07",
        "gen_ai.response.id": event["request_id"],
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 1_000,
        "gen_ai.usage.input_tokens": event["input_tokens"],
        "gen_ai.usage.output_tokens": event["output_tokens"],
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": event["ttft_ms"] / 1_000,
        "gen_ai.prompt.name": event["prompt_version"],
        "server.address": "api.example.org",
        "server.port": 443,
        "service.version": event["version"],
        **event["slices"],
    }
    if event["error_type"]:
        told["error.type"] = event["error_type"]
    return {"start": end - int(event["latency_ms"] * NS), "end": end, "attributes": told}


def _proto(spans: Sequence[dict[str, Any]]) -> bytes:
    data = TracesData()
    scope = data.resource_spans.add().scope_spans.add()
    for number, told in enumerate(spans, 1):
        span = scope.spans.add(name="chat", trace_id=number.to_bytes(16), span_id=number.to_bytes(8), kind=3)
        span.start_time_unix_nano, span.end_time_unix_nano = told["start"], told["end"]
        for key, value in told["attributes"].items():
            _set(span.attributes.add(key=key).value, value)
    message: bytes = data.SerializeToString()
    return message


def _set(value: Any, told: object) -> None:
    if isinstance(told, list):
        for each in told:
            value.array_value.values.add().string_value = each
    elif isinstance(told, str):
        value.string_value = told
    elif isinstance(told, int):
        value.int_value = told
    else:
        value.double_value = told


def _json(spans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    made = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "chat",
            "kind": 3,
            "startTimeUnixNano": str(told["start"]),
            "endTimeUnixNano": str(told["end"]),
            "attributes": [{"key": key, "value": _value(value)} for key, value in told["attributes"].items()],
        }
        for number, told in enumerate(spans, 1)
    ]
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": made}]}]}


def _value(told: object) -> dict[str, Any]:
    if isinstance(told, list):
        return {"arrayValue": {"values": list(map(_value, told))}}
    if isinstance(told, str):
        return {"stringValue": told}
    return {"intValue": str(told)} if isinstance(told, int) else {"doubleValue": told}
