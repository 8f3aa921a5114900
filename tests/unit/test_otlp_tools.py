"""Tools that are spans of their own are told with the request that called them, in the request log."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan

from operators.archive.log import RequestLog, Taken
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from tests.dataflows.making import POLICY, START_MS, received
from tests.dataflows.running import tables_of
from tests.otel_spans import Recorder, as_json, as_proto

ENCODINGS = {"proto": as_proto, "json": as_json}
OPERATION = "gen_ai.operation.name"
CHAT = {OPERATION: "chat", "gen_ai.request.model": "m0"}
AGENT = {OPERATION: "invoke_agent", "gen_ai.request.model": "m0"}
SEARCH, MAIL = ({OPERATION: "execute_tool", "gen_ai.tool.name": name} for name in ("search", "mail"))


class Trace:
    """Records spans of one service; times are in ms after START_MS."""

    def __init__(self) -> None:
        self.recorder = Recorder({"service.version": "v1"})

    def span(
        self, told: Mapping[str, Any], start: int, end: int, parent: ReadableSpan | None = None, **more: Any
    ) -> ReadableSpan:
        return self.recorder.span(told, START_MS + start, START_MS + end, parent=parent, **more)

    def logged(self, encoding: str, otel: str = "") -> Taken:
        rules = parse(f"{POLICY}\n[otel]\n{otel}")
        log = RequestLog("p", rules, Pseudonyms("k" * 16), form="otlp")
        return log.take(received([ENCODINGS[encoding](self.recorder.taken())]))


def tools(taken: Taken) -> list[list[tuple[str, int | None, float | None]]]:
    """The tools of each request, in the order of the batch: name, whether it went well, how long it took."""
    return [
        [*zip(row["tool_name"], row["tool_ok"], row["tool_latency_ms"], strict=True)]
        for row in tables_of(taken.rows)["request"]
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_spans_of_tools_under_an_inference_are_its_tools_in_the_order_of_their_starts(encoding: str) -> None:
    trace = Trace()
    chat, other = trace.span(CHAT, 0, 90), trace.span(CHAT, 0, 90)
    trace.span(MAIL | {"error.type": "timeout"}, 40, 70, chat)
    trace.span(SEARCH, 10, 30, chat)
    trace.span(SEARCH, 50, 60, trace.span({OPERATION: "orchestrate"}, 45, 80, chat), failed=True)
    trace.span({"http.route": "/"}, 41, 42, chat)
    assert other.parent is None
    assert tools(trace.logged(encoding)) == [[("search", 1, 20.0), ("mail", 0, 30.0), ("search", 0, 10.0)], []]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tools_beside_the_inferences_of_an_agent_are_those_of_the_one_before(encoding: str) -> None:
    trace = Trace()
    agent = trace.span(AGENT, 0, 100)
    trace.span(SEARCH, 1, 2, agent)  # Before any inference: nobody's.
    for start in (10, 50):
        trace.span(CHAT, start, start + 10, agent)
        trace.span(SEARCH, start + 12, start + 20, agent)
    trace.span(MAIL, 63, 64, trace.span({"name": "running tools"}, 61, 70, agent))
    assert tools(trace.logged(encoding)) == [[("search", 1, 8.0)], [("search", 1, 8.0), ("mail", 1, 1.0)]]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_agents_that_are_counted_have_the_tools_under_them(encoding: str) -> None:
    trace = Trace()
    agent = trace.span(AGENT, 0, 100)
    trace.span(CHAT, 10, 20, agent)
    trace.span(SEARCH, 22, 30, agent)
    assert tools(trace.logged(encoding, 'operations = ["invoke_agent"]')) == [[("search", 1, 8.0)]]


def test_the_policy_says_what_a_tool_is() -> None:
    trace = Trace()
    chat = trace.span(CHAT, 0, 90)
    trace.span({OPERATION: "mcp", "tool": "files"}, 1, 2, chat)
    trace.span(SEARCH, 1, 2, chat)
    assert tools(trace.logged("json", 'tool_operations = ["mcp"]\ntool_name = ["tool"]')) == [[("files", 1, 1.0)]]
    trace.span(SEARCH, 1, 2, trace.span(CHAT, 0, 90))
    assert tools(trace.logged("json", "tool_operations = []")) == [[]]


def test_tools_of_other_traces_and_of_nobody_are_left_out() -> None:
    trace = Trace()
    chat = trace.span(CHAT, 0, 10)
    trace.span(SEARCH, 11, 12)  # Both are the first of their traces.
    taken = trace.logged("proto")
    assert tools(taken) == [[]]
    trace.span(SEARCH, 11, 12, chat)  # The inference stood in another batch.
    assert trace.logged("proto").items == 0


def test_a_span_that_stands_twice_has_its_tools_once() -> None:
    trace = Trace()
    chat = trace.span(CHAT, 0, 90)
    trace.span(SEARCH, 1, 2, chat)
    spans = [*trace.recorder.taken()]
    log = RequestLog("p", parse(POLICY), Pseudonyms("k" * 16), form="otlp")
    assert tools(log.take(received([as_proto(spans * 2)]))) == [[("search", 1, 1.0)], []]


def test_a_fault_in_a_tool_costs_the_tools_of_its_request_alone() -> None:
    trace = Trace()
    for name in (7, "x" * 200, "search"):
        trace.span(SEARCH | {"gen_ai.tool.name": name}, 1, 2, trace.span(CHAT, 0, 90))
    taken = trace.logged("json")
    assert tools(taken) == [[], [], [("search", 1, 1.0)]]
    assert taken.unusable == {"tools": 2}


def test_spans_nested_without_end_and_in_circles_take_no_time() -> None:
    spans = [
        {
            "traceId": "1" * 32,
            "spanId": f"{number + 1:016x}",
            "parentSpanId": f"{(number + 1) % 2_000 + 1:016x}",
            "startTimeUnixNano": START_MS * 1_000_000,
            "endTimeUnixNano": START_MS * 1_000_000,
            "attributes": [{"key": OPERATION, "value": {"stringValue": "execute_tool"}}],
        }
        for number in range(2_000)
    ]
    batch = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    taken = RequestLog("p", parse(POLICY), Pseudonyms("k" * 16), form="otlp").take(
        received([msgspec.json.encode(batch)])
    )
    assert taken.items == 0
    assert not taken.rejects
