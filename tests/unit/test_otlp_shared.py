"""What many items of a batch share costs once: bytes and calls grow with the message, not with that times items."""

import copy
import json
import sys
import tracemalloc
from base64 import b64encode
from collections import ChainMap
from types import FrameType
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from operators.enrich.waiting import WaitingFeedback
from operators.ingest.formats.format import Decoded, Stream
from operators.ingest.formats.native import FAULTS_MAX
from operators.ingest.formats.origin import REFUSED_TIMES
from operators.ingest.formats.otlp.shared import COPIED_MAX, Resource
from operators.ingest.formats.registry import FORMATS
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, START_MS, STARTED_MS, received

RULES = parse(f'{POLICY}\n[otel]\nprediction = ["answer"]\nmetrics = {{size = ["sizes"]}}\n')
ITEM_MAX = 3_000  # Bytes of an item that has nothing long of its own: each of its fields at its longest.
LETTER_MAX = 300  # Bytes of a dead letter of a span with nothing in it: its ids, times, and what they are called.
CALLS_MAX = 400  # Python calls for an item.
LONG = "x" * 60_000
NUMBERS = {"arrayValue": {"values": [{"intValue": "1"}] * 3_000}}
Attributes = dict[str, Any]


def keys(attributes: Attributes) -> list[Attributes]:
    return [
        {"key": key, "value": value if isinstance(value, dict) else {"stringValue": value}}
        for key, value in attributes.items()
    ]


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m0", "service.version": "v1"}
JUDGED = {"gen_ai.evaluation.score.label": "bad", "gen_ai.evaluation.source": "j"}
SHARED: dict[str, Attributes] = {
    "a long text": {"session.id": LONG, "user.id": LONG, "other": LONG},
    "long lists": {"session.id": NUMBERS, "sizes": NUMBERS, "answer": NUMBERS},
    "an object": {"user.id": {"kvlistValue": {"values": keys({str(n): "x" for n in range(3_000)})}}},
    "a long answer": {"answer": LONG},
    "many attributes": {f"attribute-{number}": "x" for number in range(4_000)},
}


def span(number: int, **more: Any) -> dict[str, Any]:
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "endTimeUnixNano": str(START_MS * 1_000_000),
        **more,
    }


def message(encoding: str, resource: Attributes, spans: list[dict[str, Any]], scope: Attributes | None = None) -> bytes:
    scopes = [{"scope": {"attributes": keys(scope or {})}, "spans": spans}]
    batch: dict[str, Any] = {"resourceSpans": [{"resource": {"attributes": keys(resource)}, "scopeSpans": scopes}]}
    if encoding == "json":
        return json.dumps(batch).encode()
    batch = copy.deepcopy(batch)
    for each in batch["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in {"traceId", "spanId"} & each.keys():
            each[name] = b64encode(bytes.fromhex(each[name])).decode()
    return bytes(ParseDict(batch, TracesData()).SerializeToString())


def decoded(value: bytes, stream: Stream = "events") -> Decoded:
    return FORMATS["otlp"].decoder(stream, RULES).decode(received([value]))


def calls_of(value: bytes) -> tuple[Decoded, int]:
    """Decode and count the Python functions that were called."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        found = decoded(value)
    finally:
        sys.setprofile(None)
    return found, calls


@pytest.mark.parametrize("encoding", ["json", "proto"])
@pytest.mark.parametrize("what", SHARED)
def test_an_item_costs_what_it_has_of_its_own(what: str, encoding: str) -> None:
    value = message(encoding, CHAT | SHARED[what], [span(number) for number in range(400)])
    found, calls = calls_of(value)
    assert len(found.items) == 400
    assert calls < 400 * CALLS_MAX + len(value)
    assert max(len(found.origin.text(index)) for index in range(400)) < ITEM_MAX


@pytest.mark.parametrize("encoding", ["json", "proto"])
@pytest.mark.parametrize("what", SHARED)
def test_the_dead_letters_of_a_message_are_a_small_multiple_of_it(what: str, encoding: str) -> None:
    value = message(encoding, SHARED[what], [{}] * (FAULTS_MAX + 1))
    found = decoded(value)
    assert len(found.rejects) == FAULTS_MAX + 1
    assert sum(len(each.value) for each in found.rejects) < REFUSED_TIMES * len(value) + FAULTS_MAX * LETTER_MAX
    shown = ["resource" in json.loads(each.value) for each in found.rejects[:-1]]
    assert shown[0] or what == "many attributes"
    assert shown[-1] is (what != "many attributes")


def test_a_dead_letter_shows_its_resource_while_there_is_room() -> None:
    found = decoded(message("proto", {"service.name": "shop", "long": LONG}, [{}]))
    resource = json.loads(found.rejects[0].value)["resource"]
    assert resource["service.name"] == "shop"
    assert resource["long"].startswith("xxx")
    assert len(resource["long"]) < 400


@pytest.mark.parametrize("encoding", ["json", "proto"])
def test_items_that_are_late_have_texts_of_a_small_multiple_of_their_message(encoding: str) -> None:
    """Each attribute is at its longest and is right: an item alone is so large, and the message has it once."""
    around = CHAT | dict.fromkeys(("session.id", "user.id", "http.route", "region", "segment", "answer"), "x" * 128)
    value = message(encoding, around, [span(number) for number in range(2_000)])
    found = decoded(value)
    letters = [found.origin.reject(index, "too_late", "") for index in range(2_000)]
    assert sum(len(each.value) for each in letters) < (REFUSED_TIMES + 1) * len(value)
    assert json.loads(letters[0].value)["session_id"] == "x" * 128
    assert [(each.position, each.item) for each in letters] == [(1, number) for number in range(2_000)]
    now_ms = START_MS - 864_000_000  # By then all of them are in the future.
    batch = Partition("p", "events", ("p",), RULES, form="otlp").take(received([value], received_ms=now_ms))
    assert len(batch.rejects) == 2_000
    assert sum(len(each.value) for each in batch.rejects) < (REFUSED_TIMES + 1) * len(value)


@pytest.mark.parametrize("encoding", ["json", "proto"])
@pytest.mark.parametrize("what", SHARED)
def test_evaluations_share_what_their_span_says(what: str, encoding: str) -> None:
    judged = {"timeUnixNano": str(START_MS * 1_000_000), "name": "gen_ai.evaluation.result", "attributes": keys(JUDGED)}
    told = keys(CHAT | SHARED[what] | {"gen_ai.evaluation.name": SHARED[what].get("session.id", "n")})
    value = message(encoding, {}, [span(0, attributes=told, events=[judged] * 400)])
    found, calls = calls_of(value)
    assert len(found.items) == 401
    assert calls < 400 * CALLS_MAX + len(value)
    assert max(len(found.origin.text(index)) for index in range(1, 401)) < ITEM_MAX
    waiting = WaitingFeedback(RULES, "otlp")
    waiting.take(received([value]), STARTED_MS)
    assert sum(len(each.value) for each in waiting.settled().complete) < 400 * ITEM_MAX


def test_the_label_of_a_long_answer_is_still_that_answer() -> None:
    other = LONG[:-1] + "y"
    judged = {"name": "gen_ai.evaluation.result", "timeUnixNano": str(START_MS * 1_000_000)}
    labels = ({"gen_ai.evaluation.score.label": each} for each in (LONG, other))
    events = [judged | {"attributes": keys(JUDGED | label)} for label in labels]
    event, same, different = decoded(
        message("json", CHAT, [span(0, attributes=keys({"answer": LONG}), events=events)])
    ).items
    assert event.prediction == LONG
    assert same.value == same.prediction == different.prediction != different.value


def test_a_long_id_is_no_larger_for_each_evaluation_on_its_span() -> None:
    judged = {"name": "gen_ai.evaluation.result", "attributes": keys(JUDGED)}
    value = message("json", CHAT, [span(0, events=[judged] * 300) | {"traceId": LONG, "spanId": LONG}])
    found = decoded(value)
    assert len(found.rejects) == 301
    assert sum(len(each.value) for each in found.rejects) < 301 * 1_000


def test_scopes_and_links_are_not_read() -> None:
    links = [{"attributes": keys({"session.id": LONG})}]
    for encoding in ("json", "proto"):
        value = message(encoding, CHAT, [span(0, links=links), {"links": links}], {"user.id": LONG})
        found = decoded(value)
        assert (found.items[0].session_id, found.items[0].user_id, found.origin.unusable) == (None, None, {})
        assert len(found.origin.text(0)) + len(found.rejects[0].value) < ITEM_MAX


def test_of_spans_with_nothing_in_them_nothing_is_kept_for_texts() -> None:
    value = message("json", CHAT, [span(0), *[{}] * 20_000])
    found = decoded(value)
    tracemalloc.start()
    try:
        texts = found.origin.texts.split(value)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(texts) == 20_001
    assert texts[5] == b""
    assert json.loads(texts[0])["model"] == "m0"
    assert kept < 20 * len(texts)


def test_flags_do_not_copy_many_attributes_for_each_span() -> None:
    many = {f"a{number}": number for number in range(COPIED_MAX + 1)}
    around = Resource(dict(many)).with_flags({"flag:a1": 5, "a1": 6})
    assert isinstance(around, ChainMap)
    assert (around["flag:a1"], around["a1"], around["a2"]) == (5, 6, 2)
    assert Resource({"a1": 1}).with_flags({"flag:a1": 5}) == {"a1": 1, "flag:a1": 5}
