"""Batches that nobody sane would send: each is counted or a dead letter with a reason, and none stops the worker."""

import json
from random import Random
from typing import Any

import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.ingest.formats.format import Decoded
from operators.ingest.formats.native import FAULTS_MAX
from operators.ingest.formats.otlp import json_batch
from operators.ingest.formats.registry import FORMATS
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rows.items import dead_letter_rows, feedback_rows
from tests.dataflows.making import POLICY, START_MS, received
from tests.otel_spans import Recorder, as_json, as_proto, twins

RULES = parse(POLICY)
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m0", "service.version": "v1"}
REASONS = {
    "bad_json", "bad_utf8", "bad_protobuf", "wrong_type", "missing_field", "out_of_range", "absurd_timestamp",
    "too_late", "future_timestamp", "too_large", "no_context", "reserved_name",
}  # fmt: skip


def decoded(message: bytes) -> Decoded:
    return FORMATS["otlp"].decoder("events", RULES).decode(received([message]))


def span(**changed: Any) -> dict[str, Any]:
    whole = {
        "traceId": "0AF7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "startTimeUnixNano": str(START_MS * 1_000_000),
        "endTimeUnixNano": (START_MS + 5) * 1_000_000,
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in CHAT.items()],
    }
    return {name: value for name, value in (whole | changed).items() if value != "absent"}


def batch(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def attribute(value: Any, key: str = "gen_ai.usage.input_tokens") -> dict[str, Any]:
    return span(attributes=[*span()["attributes"], {"key": key, "value": value}])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"traceId": "absent"}, "wrong_type"),
        ({"traceId": "00000000000000000000000000000000"}, "wrong_type"),
        ({"traceId": "CvdlGRbNQ92ESOshHIAxnA=="}, "wrong_type"),  # Base64, as other JSON of protobuf has bytes.
        ({"spanId": "b7ad6b71692033"}, "wrong_type"),
        ({"spanId": 17}, "wrong_type"),
        ({"spanId": ["b7ad6b7169203331"] * 1_000}, "wrong_type"),
        ({"endTimeUnixNano": "absent"}, "missing_field"),
        ({"endTimeUnixNano": "soon"}, "missing_field"),
        ({"endTimeUnixNano": -1}, "missing_field"),
        ({"endTimeUnixNano": 10**40}, "missing_field"),
        ({"endTimeUnixNano": 1 << 63}, "absurd_timestamp"),
        ({"attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "m0"}}]}, "missing_field"),
        (
            {"attributes": [{"key": key, "value": {"intValue": 7}} for key in CHAT if key != "gen_ai.operation.name"]},
            "wrong_type",
        ),
    ],
)
def test_a_span_that_cannot_be_is_refused_and_the_one_beside_it_counts(changed: dict[str, Any], reason: str) -> None:
    found = decoded(batch(span(**changed), span()))
    assert [each.reason for each in found.rejects] == [reason]
    assert found.rejects[0].detail.startswith("span ")
    assert len(found.rejects[0].detail) < 500
    (event,) = found.items
    assert event.request_id == "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
    assert found.origin.place(0) == (1, 1)


@pytest.mark.parametrize(
    "value",
    [
        {"stringValue": "12"}, {"stringValue": 12}, {"intValue": "12x"}, {"intValue": "9" * 19}, {"intValue": 1.5},
        {"intValue": "9" * 5_000}, {"doubleValue": "NaN"}, {"doubleValue": "Infinity"}, {"doubleValue": {}},
        {"boolValue": True}, {"bytesValue": "AAAA"}, {"arrayValue": {"values": [{"intValue": 1}]}},
        {"arrayValue": {"values": 3}},
        {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}, 5]}}, 5, "12", [1],
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_kind_costs_its_attribute_alone(value: Any) -> None:
    found = decoded(batch(attribute(value), span()))
    assert not found.rejects
    assert [event.input_tokens for event in found.items] == [None, None]
    assert found.origin.unusable == {"input_tokens": 1}


@pytest.mark.parametrize("value", [{"intValue": "12"}, {"intValue": 12}, {"doubleValue": 12.0}])
def test_numbers_come_as_text_and_as_numbers(value: dict[str, Any]) -> None:
    found = decoded(batch(attribute(value)))
    fits = "doubleValue" not in value  # As in native messages, where 12.0 is no whole number.
    assert [event.input_tokens for event in found.items] == [12 if fits else None]


def test_a_text_that_was_cut_within_a_character_is_read() -> None:
    cut = attribute({"stringValue": "eu \ud83d"}, key="region")
    assert [event.slices for event in decoded(batch(cut, span())).items] == [{"region": "eu \ufffd"}, None]


def test_what_is_no_object_costs_itself_alone() -> None:
    odd = [
        span(attributes=[*span()["attributes"], 5, None, "x", {"key": 5}, {"value": {}}, {}]),
        span(attributes={"a": 1}),
        span(events=[5, {"name": 7}, {"name": "gen_ai.evaluation.result"}, None]),
        span(status="bad"),
    ]
    found = decoded(batch(*odd, 5, None, [[]], span()))
    assert [found.origin.place(place)[1] for place in range(len(found.items))] == [0, 2, 4, 8]
    assert [(each.item, each.reason) for each in found.rejects] == [
        (3, "missing_field"), *((item, "wrong_type") for item in (5, 6, 7)),
    ]  # fmt: skip


def test_of_one_name_twice_the_last_counts_in_both_encodings() -> None:
    recorder = Recorder({})
    recorder.span(CHAT, START_MS, START_MS + 1)
    spans = recorder.taken()
    text = json.loads(as_json(spans))
    attributes = text["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes.append({"key": "gen_ai.request.model", "value": {"stringValue": "m9"}})
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData  # noqa: PLC0415

    proto = TracesData.FromString(as_proto(spans))
    added = proto.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="gen_ai.request.model")
    added.value.string_value = "m9"
    for message in (json.dumps(text).encode(), proto.SerializeToString()):
        assert [event.model for event in decoded(message).items] == ["m9"]


def test_text_that_is_no_utf8_costs_its_attribute_alone() -> None:
    """Programs in C++ and Go send such text, and a collector puts it into one batch with everybody else's."""
    recorder = Recorder({})
    recorder.span(CHAT | {"user.id": "XXXX", "YYYY": "y"}, START_MS, START_MS + 1)
    recorder.span(CHAT | {"gen_ai.request.model": "ZZZZ"}, START_MS, START_MS + 1)
    recorder.span(CHAT, START_MS, START_MS + 1)
    spans = recorder.taken()
    for message in (as_proto(spans), as_json(spans)):
        for text in (b"XXXX", b"YYYY", b"ZZZZ"):
            message = message.replace(text, b"\xff\xfe\xff\xfe")  # noqa: PLW2901
        found = decoded(message)
        assert [event.user_id for event in found.items] == [None, None]
        assert found.origin.unusable == {"user_id": 1}
        assert [(each.item, each.reason) for each in found.rejects] == [(1, "wrong_type")]
        to_arrow(dead_letter_rows(found.rejects, "p", RULES))


def test_ids_that_are_no_utf8_refuse_their_span_alone() -> None:
    message = batch(span(spanId="XXXX"), span()).replace(b"XXXX", b"\xff")
    found = decoded(message)
    assert [found.origin.place(place)[1] for place in range(len(found.items))] == [1]
    assert [(each.item, each.reason) for each in found.rejects] == [(0, "wrong_type")]
    to_arrow(dead_letter_rows(found.rejects, "p", RULES))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"[" * 100_000, "bad_json"),
        (b'{"resourceSpans": ' * 5_000, "bad_json"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "\xff"}]}]}]}', "wrong_type"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": \xff}]}]}]}', "bad_json"),
        (b"{}", "wrong_type"),
        (b"[]", "wrong_type"),
        (b'{"request_id": "r1", "ts": 1760000000000, "model": "m", "version": "v"}', "wrong_type"),
        (b'{"resourceMetrics": []}', "wrong_type"),
        (b'{"resourceSpans": [' + b"1," * 5_000 + b"1]}", "too_many_faults"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [' + b"1," * 5_000 + b"1]}]}]}", "too_many_faults"),
        (b"hello", "bad_protobuf"),
        (b"\x00" * 50, "bad_protobuf"),
        (b"\x0a" + b"\xff" * 20, "bad_protobuf"),
        (b"\x0a\x02" * 10_000, "bad_protobuf"),
    ],
)
def test_what_is_no_batch_is_one_dead_letter(message: bytes, reason: str) -> None:
    found = decoded(message)
    assert not found.items
    assert [(each.position, each.item, each.reason) for each in found.rejects] == [(1, 0, reason)]


def test_values_nested_without_end_cost_their_attribute_alone() -> None:
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData  # noqa: PLC0415

    deep: Any = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    found = decoded(batch(attribute(deep), span()))
    assert len(found.items) == 2
    assert found.origin.unusable == {"input_tokens": 1}
    recorder = Recorder({})
    recorder.span(CHAT, START_MS, START_MS + 1)
    data = TracesData.FromString(as_proto(recorder.taken()))
    value = data.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="user.id").value
    for _ in range(30):
        value = value.array_value.values.add()
    found = decoded(data.SerializeToString())
    assert [event.user_id for event in found.items] == [None]
    assert found.origin.unusable == {"user_id": 1}


def test_of_endless_faults_a_thousand_are_told() -> None:
    found = decoded(batch(*[span(spanId="x")] * (FAULTS_MAX + 500)))
    assert len(found.rejects) == FAULTS_MAX + 1
    assert found.rejects[-1].reason == "too_many_faults"


ODD_PARTS = [
    span(attributes=[{"key": 1}] * 20_000),
    span(attributes=[1] * 20_000),
    span(events=[{"name": 1}] * 20_000),
    span(attributes=[{"key": "a", "value": {"arrayValue": {"values": [1] * 20_000}}}]),
    span(attributes=[{"key": "a", "value": {"arrayValue": {"values": [{"intValue": []}] * 20_000}}}]),
    span(attributes=[{"key": "a", "value": {"kvlistValue": {"values": [{"key": 1, "value": 1}] * 20_000}}}]),
]


@pytest.mark.parametrize("odd", ODD_PARTS)
def test_of_endless_odd_parts_few_are_looked_into(odd: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    usable = json_batch._usable

    def counted(*arguments: Any) -> Any:
        nonlocal looked
        looked += 1
        return usable(*arguments)

    monkeypatch.setattr(json_batch, "_usable", counted)
    found = decoded(batch(odd))
    assert looked <= json_batch.ODD_MAX + 100
    assert [each.reason for each in found.rejects] in ([], ["too_many_faults"], ["missing_field"])


@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_bytes_changed_at_random_are_items_or_dead_letters(encoding: str) -> None:
    random = Random(20_251_122)
    batches = [getattr(twin, encoding) for twin in twins(40, 4)]
    partition = Partition("p", "events", ("p",), RULES, form="otlp")
    items = refused = 0
    for number in range(300):
        message = bytearray(random.choice(batches))
        for _ in range(random.randrange(1, 6)):
            at = random.randrange(len(message))
            message[at : at + random.randrange(3)] = random.randbytes(random.randrange(3))
        took = partition.take(received([bytes(message)], number + 1))
        assert {reject.reason for reject in took.rejects} <= REASONS
        assert all(reject.detail and len(reject.detail) < 500 for reject in took.rejects)
        to_arrow(dead_letter_rows(took.rejects, "p", RULES))
        to_arrow(feedback_rows(took.feedback, RULES))
        items += took.items
        refused += len(took.rejects)
    assert items > 50
    assert refused > 50
