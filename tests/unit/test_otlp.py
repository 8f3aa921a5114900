"""Batches of OpenTelemetry: what the SDK makes comes to the rows of native messages that say the same."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from flows import settings
from flows.archive.privacy import checked_pseudonyms
from flows.enrich.files import GivenFile, known_requests
from operators.archive.log import RequestLog
from operators.enrich.waiting import WaitingFeedback
from operators.ingest.answers import Answer
from operators.ingest.formats.format import Decoded
from operators.ingest.formats.otlp.schema import MESSAGES
from operators.ingest.formats.registry import FORMATS
from operators.ingest.partition import Partition
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.wire.events import Request
from tests.dataflows.making import POLICY, START_MS, STARTED_MS, received
from tests.dataflows.running import exact, run_flow, tables_of
from tests.oracle import Log
from tests.otel_spans import NS, Recorder, as_json, as_proto, native_id, twins

RULES = parse(POLICY)
FILES = {
    "of some models": limited(parse(f'models = ["m*"]\n{POLICY}')),
    "folder": parse_teams({"a": f'models = ["m0"]\n{POLICY}', "b": f'models = ["m1"]\n{POLICY}'}),
}
ENCODINGS = {"proto": as_proto, "json": as_json}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m0"}
JUDGED = {"name": "toxicity", "score.label": "bad", "source": "j"}
SHOP = {"service.version": "v1", "region": "eu"}


def lines(items: Sequence[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(item).encode() for item in items]


def decoded(message: bytes, policy: Policy = RULES, stream: Any = "events") -> Decoded:
    return FORMATS["otlp"].decoder(stream, policy).decode(received([message]))


def with_otel(text: str) -> Policy:
    return parse(f"{POLICY}\n[otel]\n{text}")


@pytest.mark.parametrize("policy", [RULES, *FILES.values()], ids=["one", *FILES])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_batches_of_the_sdk_give_exactly_the_rows_of_their_native_twins(encoding: str, policy: Policy) -> None:
    """Of policies with `models` spans had no slices."""
    made = twins(600, 40)
    batches = [getattr(twin, encoding) for twin in made]
    natives = [
        Log("events", "events", lines([event for twin in made for event in twin.events])),
        Log("feedback", "feedback", lines([item for twin in made for item in twin.feedback])),
    ]
    ours = run_flow(policy, [Log("spans", "events", batches)], STARTED_MS, sizes=lambda: 3, form="otlp")
    theirs = run_flow(policy, natives, STARTED_MS)
    assert ours.items == theirs.items > 700
    assert not ours.letters
    assert not theirs.letters
    for ran in (ours, theirs):  # A row of it counts partitions, and one log holds here what stands in two there.
        ran.tables.pop("progress", None)
    assert exact(ours.tables) == exact(theirs.tables)
    assert {"sli_pane", "measure_pane", "outcome_pane", "feedback", "sli_window"} <= ours.tables.keys()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_request_log_has_the_rows_of_the_native_twins(encoding: str) -> None:
    made = twins(120, 30)
    key = Pseudonyms("k" * 16)
    ours = RequestLog("p", RULES, key, form="otlp").take(received([getattr(twin, encoding) for twin in made]))
    theirs = RequestLog("p", RULES, key).take(received([event for twin in made for event in lines(twin.events)]))
    assert ours.items == theirs.items == 120
    assert ours.redacted == theirs.redacted
    assert ours.redacted["EMAIL"] == 120
    assert not ours.unusable
    place = ("position", "item", "ver")
    told = [
        [{name: value for name, value in row.items() if name not in place} for row in tables_of(taken.rows)["request"]]
        for taken in (ours, theirs)
    ]
    assert told[0] == told[1]


def test_the_schema_is_a_part_of_the_published_one() -> None:
    published = {
        **dict(common_pb2.DESCRIPTOR.message_types_by_name),
        **dict(resource_pb2.DESCRIPTOR.message_types_by_name),
        **dict(trace_pb2.DESCRIPTOR.message_types_by_name),
        **dict(logs_pb2.DESCRIPTOR.message_types_by_name),
    }
    published["Event"] = published["Span"].nested_types_by_name["Event"]
    for name, fields in MESSAGES.items():
        for field, number, kind in fields:
            theirs = published[name].fields_by_name[field]
            assert theirs.number == number, f"{name}.{field}"
            if isinstance(kind, int):
                assert theirs.type == kind or (theirs.enum_type is not None and kind == theirs.TYPE_INT32)
                continue
            assert theirs.is_repeated == (not isinstance(kind, str))
            wanted = "KeyValue" if isinstance(kind, set) else next(iter([kind] if isinstance(kind, str) else kind))
            assert theirs.message_type.name == wanted, f"{name}.{field}"
    request = trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.fields_by_name["resource_spans"]
    assert request.number == 1
    assert logs_service_pb2.ExportLogsServiceRequest.DESCRIPTOR.fields_by_name["resource_logs"].number == 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_no_inference_is_no_item_and_no_dead_letter(encoding: str) -> None:
    recorder = Recorder(SHOP)
    for told in (
        {"http.route": "/"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": "invoke_agent"},
    ):
        recorder.span(told, START_MS, START_MS + 1)
    recorder.span({"gen_ai.request.model": "m0"}, START_MS, START_MS + 1)  # Of before there were operations.
    found = decoded(ENCODINGS[encoding](recorder.taken()))
    assert len(found.items) == 1
    assert not found.rejects
    assert found.origin.place(0) == (1, 3)  # Numbers go by what stands in the batch.
    # With a wrong mapping nothing would be an inference: so people are told what is passed over.
    name = "gen_ai.operation.name"
    assert [*found.unread] == [f"spans whose {name} is {what}" for what in ("execute_tool", "invoke_agent")] + [
        f"spans without {name}"
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_cannot_be_mapped_is_a_dead_letter_that_names_its_span(encoding: str) -> None:
    recorder = Recorder({"region": "eu"})
    bad = recorder.span(CHAT, START_MS, START_MS + 5)
    good = recorder.span(CHAT | {"gen_ai.agent.version": "v9"}, START_MS, START_MS + 5)
    found = decoded(ENCODINGS[encoding](recorder.taken()))
    (event,) = found.items
    assert (event.version, event.request_id) == ("v9", native_id(good))
    (reject,) = found.rejects
    trace_id, span_id = native_id(bad).split("-")
    assert (reject.position, reject.item, reject.reason) == (1, 0, "missing_field")
    assert reject.detail == (
        f"span {span_id} of trace {trace_id}: Object missing required field `version`; "
        "[otel] has it from gen_ai.agent.version, service.version"
    )
    assert json.loads(reject.value)["attributes"] == CHAT


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_wrong_attribute_costs_itself_alone(encoding: str) -> None:
    recorder = Recorder(SHOP)
    told = CHAT | {
        "gen_ai.usage.input_tokens": "many",
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.time_to_first_chunk": float("nan"),
        "user.id": "u" * 500,
        "error.type": "e" * 500,
        "segment": 3,
    }
    recorder.span(told, START_MS, START_MS + 5)
    found = decoded(ENCODINGS[encoding](recorder.taken()))
    (event,) = found.items
    assert (event.input_tokens, event.output_tokens, event.ttft_ms, event.user_id) == (None, 7, None, None)
    assert event.error_type == "e" * 128
    assert event.slices == {"region": "eu", "segment": "3"}
    assert found.origin.unusable == {"input_tokens": 1, "ttft_ms": 1, "user_id": 1, "error_type": 1, "slices": 1}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_times_that_nobody_believes_are_refused(encoding: str) -> None:
    recorder = Recorder(SHOP)
    for end_ms in (0, 5, 4_102_444_800_001, (1 << 63) // NS):
        recorder.span(CHAT, 0, end_ms)
    backwards = recorder.span(CHAT, START_MS + 9, START_MS)
    found = decoded(ENCODINGS[encoding](recorder.taken()))
    assert [reject.reason for reject in found.rejects] == ["missing_field", *["absurd_timestamp"] * 3]
    (event,) = found.items
    assert event.request_id == native_id(backwards)
    assert event.latency_ms is None
    assert found.origin.unusable == {"latency_ms": 1}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_batch_sent_twice_counts_once_and_keeps_its_places(encoding: str) -> None:
    rules = parse(POLICY.replace('horizon = "0s"', 'horizon = "10m"'))
    made = twins(30, 10)
    batches = [getattr(twin, encoding) for twin in made]
    partition = Partition("p", "events", ("p",), rules, form="otlp")
    first = partition.take(received(batches))
    again = partition.take(received([*batches, b"\x0a\x03bad", b"{}"], 4))
    assert first.items == sum(len(twin.events) + len(twin.feedback) for twin in made)
    assert (again.items, again.duplicates) == (0, first.items)
    assert [(reject.position, reject.reason) for reject in again.rejects] == [(7, "bad_protobuf"), (8, "wrong_type")]


def test_a_refused_item_has_the_text_of_a_native_one() -> None:
    recorder = Recorder(SHOP)
    for number in range(3):
        recorder.span(CHAT, STARTED_MS + 3_600_000 * number, STARTED_MS + 3_600_000 * number + 5)
    batch = Partition("p", "events", ("p",), RULES, form="otlp").take(received([as_proto(recorder.taken())]))
    assert [(reject.item, reject.reason) for reject in batch.rejects] == [
        (1, "future_timestamp"),
        (2, "future_timestamp"),
    ]
    assert msgspec.json.decode(batch.rejects[0].value)["ts"] == STARTED_MS + 3_600_005


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_policy_says_which_attributes_are_read(encoding: str) -> None:
    policy = with_otel(
        """
operation = ["task"]
operations = ["rank"]
request_id = ["order.id"]
model = ["ml.model"]
version = ["flag:ranker", "service.version"]
latency_s = ["ml.seconds"]
prediction = ["ml.class"]
score = ["ml.score"]
flags = ["ml.flags"]
cost_usd = ["ml.cost"]
[otel.slices]
segment = ["tier", "plan"]
[otel.metrics]
gpu-util = ["gpu"]
[otel.features]
amount = ["cart.amount"]
[otel.kinds]
toxicity = "safety"
"""
    )
    recorder = Recorder(SHOP)
    told = {
        "task": "rank", "order.id": "o1", "ml.model": "ranker", "ml.seconds": 0.5, "ml.class": "shoes",
        "ml.score": 0.25, "ml.flags": ["toxic", "long"], "ml.cost": 0.001,
        "plan": "pro", "gpu": 61.5, "cart.amount": 12,
    }  # fmt: skip
    judged = {
        "gen_ai.evaluation.name": "toxicity",
        "gen_ai.evaluation.score.label": "bad",
        "gen_ai.evaluation.source": "j",
    }
    flag = {"feature_flag.key": "ranker", "feature_flag.result.variant": "v2"}
    events = [("gen_ai.evaluation.result", judged, START_MS + 2), ("feature_flag.evaluation", flag, START_MS)]
    recorder.span(told, START_MS, START_MS + 5, events=events)
    recorder.span(CHAT, START_MS, START_MS + 5)  # Now this is none.
    event, feedback = decoded(ENCODINGS[encoding](recorder.taken()), policy).items
    wanted = {
        "request_id": "o1", "ts": START_MS + 5, "model": "ranker", "version": "v2", "latency_ms": 500.0,
        "slices": {"region": "eu", "segment": "pro"}, "prediction": "shoes", "score": 0.25, "cost_usd": 0.001,
        "flags": ["toxic", "long"], "metrics": {"gpu-util": 61.5}, "features": {"amount": 12.0},
    }  # fmt: skip
    assert {name: getattr(event, name) for name in wanted} == wanted
    assert (feedback.kind, feedback.name, feedback.value, feedback.source) == ("safety", "toxicity", "bad", "j")
    assert (feedback.version, feedback.score, feedback.request_ts) == ("v2", 0.25, START_MS + 5)


def log_batch(encoding: str, attributes: dict[str, Any], *, named: str = "gen_ai.evaluation.result") -> bytes:
    """An evaluation as a log record, as the conventions have it; by an evaluator that knows the span or response."""
    told = [
        {"key": key, "value": {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}}
        for key, value in attributes.items()
    ]
    record = {
        "timeUnixNano": str((START_MS + 60) * NS),
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "eventName": named,
        "attributes": told,
    }
    batch = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}
    if encoding == "json":
        return json.dumps(batch).encode()
    request = logs_service_pb2.ExportLogsServiceRequest()
    proto = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=(START_MS + 60) * NS,
            trace_id=bytes.fromhex(str(record["traceId"])),
            span_id=bytes.fromhex(str(record["spanId"])),
            event_name=named,
        )
    )
    for key, value in attributes.items():
        if isinstance(value, float):
            proto.attributes.add(key=key).value.double_value = value
        else:
            proto.attributes.add(key=key).value.string_value = value
    message: bytes = request.SerializeToString()
    return message


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_evaluations_in_logs_are_feedback_that_enrich_gives_a_context(encoding: str) -> None:
    told = {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.0}
    message = log_batch(encoding, told | {"gen_ai.response.id": "resp-1"})
    for stream in ("events", "feedback"):
        (item,) = decoded(message, stream=stream).items
        assert (item.request_id, item.ts, item.value, item.version) == ("resp-1", START_MS + 60, 4.0, None)
    waiting = WaitingFeedback(RULES, "otlp")
    waiting.take(received([message, log_batch(encoding, told, named="other"), log_batch(encoding, told)]), STARTED_MS)
    spans = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
    assert waiting.due(STARTED_MS, 10) == ["resp-1", spans]
    answer = Answer("resp-1", "m0", "v1", START_MS, 0, 0, {"region": "eu"}, "", None, "", "", 9)
    other = msgspec.structs.replace(answer, request_id=spans)
    waiting.learned(["resp-1", spans], {"resp-1": [answer], spans: [other]}, STARTED_MS)
    complete = waiting.settled().complete
    assert [(each.position, each.item) for each in complete] == [(1, 0), (3, 0)]
    body = json.loads(complete[0].value)
    assert (body["model"], body["version"], body["request_ts"], body["value"]) == ("m0", "v1", START_MS, 4.0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_why_an_evaluator_says_so_is_the_reason_of_its_feedback(encoding: str) -> None:
    told = {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.0, "gen_ai.response.id": "r"}
    (item,) = decoded(log_batch(encoding, told | {"gen_ai.evaluation.explanation": "Beside the point."})).items
    assert (item.reason, item.value) == ("Beside the point.", 4.0)
    long = decoded(log_batch(encoding, told | {"gen_ai.evaluation.explanation": "x" * 3_000}))
    assert (len(long.items[0].reason), long.items[0].value) == (2_000, 4.0)
    (odd,) = decoded(log_batch(encoding, told | {"gen_ai.evaluation.explanation": 4.5})).items
    assert (odd.reason, odd.value) == (None, 4.0)
    named = parse(POLICY + '\n[otel]\nevaluation_reason = ["why"]\n')
    (other,) = decoded(log_batch(encoding, told | {"why": "So."}), named).items
    assert other.reason == "So."


def test_in_a_replay_an_evaluation_in_a_log_record_finds_its_span(tmp_path: Path) -> None:
    recorder = Recorder(SHOP)
    recorder.span(CHAT | {"gen_ai.response.id": "resp-1"}, START_MS, START_MS + 5)
    told = {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.0}
    evaluation = log_batch("json", told | {"gen_ai.response.id": "resp-1"})
    path = tmp_path / "both.jsonl"
    path.write_bytes(as_json(recorder.taken()) + b"\n" + evaluation + b"\n")
    known = known_requests([GivenFile(path=path, stream="events", form="otlp")], RULES, STARTED_MS)
    (item,) = decoded(evaluation).items
    completed = known.completed(item)
    assert (completed.model, completed.version, completed.request_ts) == ("m0", "v1", START_MS + 5)


def test_an_evaluation_without_a_result_is_a_dead_letter() -> None:
    found = decoded(log_batch("proto", {"gen_ai.evaluation.name": "Relevance"}))
    (reject,) = found.rejects
    assert reject.reason == "missing_field"
    assert reject.detail.startswith("log record of span b7ad6b7169203331 of trace 0af7651916cd43dd8448eb211c80319c: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model = []", "otel.model = []: must name an attribute"),
        ('modell = ["a"]', "otel.modell = ['a']: is not a key of the policy"),
        ('version = ["span:id"]', "otel.version = 'span:id': is an id of a request alone"),
        ('[otel.kinds]\nRelevance = "judged"', "must be one of label, judge"),
        ("input_tokens = 3", "otel.input_tokens = 3"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_key_and_value(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        with_otel(text)
    assert says in str(caught.value)


def test_a_format_without_requests_cannot_be_archived(monkeypatch: pytest.MonkeyPatch) -> None:
    other = msgspec.structs.replace(FORMATS["otlp"], name="other", requests=None)
    monkeypatch.setitem(FORMATS, "other", other)
    where = settings.load({"ROLLGUARD_EVENTS_FORMAT": "other", "ROLLGUARD_ID_KEY": "a-key-of-the-tests"})
    with pytest.raises(msgspec.ValidationError, match="in the format other cannot be archived"):
        checked_pseudonyms(where, RULES)
    assert checked_pseudonyms(msgspec.structs.replace(where, events_format="otlp"), RULES).key


def test_content_is_for_the_request_log_alone() -> None:
    recorder = Recorder(SHOP)
    documents = '[{"id": "d1", "score": 0.5}]'
    recorder.span(
        CHAT | {"gen_ai.input.messages": "[]", "gen_ai.retrieval.documents": documents}, START_MS, START_MS + 1
    )
    message = as_proto(recorder.taken())
    (event,) = decoded(message).items
    (request,) = FORMATS["otlp"].requests(RULES).decode(received([message])).items  # type: ignore[misc]
    assert bytes(event.input) == b"null"
    assert isinstance(request, Request)
    assert bytes(request.input) == b'"[]"'
    assert request.retrieval is not None
    assert [(each.id, each.score) for each in request.retrieval] == [("d1", 0.5)]
