"""Fields of events as slice dimensions: `endpoint`, `prompt_version` and `team` need not be said twice."""

import json
from collections import Counter
from typing import Any

import pytest

from operators.archive.log import RequestLog
from operators.ingest.event_scans import event_scan_for
from operators.ingest.partition import Partition
from operators.policy_file.teams import parse_teams
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from tests.dataflows.making import START_MS, received
from tests.dataflows.running import expand
from tests.otel_spans import Recorder, as_json
from tests.policies import base, sli

OK = sli("ok", "no_error") + sli("chat", "no_error", slices=["endpoint=/chat"])
POLICY = base("region", "endpoint", tumbling=["1m"]) + OK
SAYING: list[dict[str, Any]] = [
    {"endpoint": "/chat", "slices": {"region": "eu"}},
    {"endpoint": "/chat", "slices": {"region": "eu", "endpoint": "/v2/chat"}},
    {"endpoint": "/search"},
    {"endpoint": None, "slices": {"region": "us"}},
    {"slices": {"endpoint": ""}, "endpoint": "/kept"},
    {"endpoint": 7},
]
VALUES = [("eu", "/chat"), ("eu", "/v2/chat"), ("", "/search"), ("us", ""), ("", ""), ("", "")]


def messages(times: int = 1) -> list[bytes]:
    items = [
        {"request_id": f"r{at}-{number}", "ts": START_MS + at, "model": "m", "version": "v1", **body}
        for at in range(times)
        for number, body in enumerate(SAYING)
    ]
    return [json.dumps(item).encode() for item in items]


def counted(partition: Partition, values: list[bytes]) -> Counter[tuple[str, ...]]:
    """Events by the values of their slices."""
    found: Counter[tuple[str, ...]] = Counter()
    for _, item in partition.take(received(values)).inputs:
        for _, part in item.partials:
            for row, which in enumerate(part.which.tolist()):
                found[part.series[which].values] += int(part.events[row])
    return found


@pytest.mark.parametrize("times", [1, 300])
def test_the_field_of_an_event_counts_where_its_slices_say_nothing(times: int) -> None:
    policy = parse(POLICY)
    assert event_scan_for("native", policy) is None
    found = counted(Partition("log", "events", ("log",), policy), messages(times))
    assert found == Counter({each: times * n for each, n in Counter(VALUES).items()})


def test_only_where_it_is_a_dimension() -> None:
    policy = parse(POLICY.replace('"region", "endpoint"', '"region", "segment"').replace("endpoint=/chat", "region=eu"))
    found = counted(Partition("log", "events", ("log",), policy), messages())
    assert {values[1] for values in found} == {""}


def test_of_several_files_that_which_has_the_dimension_has_its_values() -> None:
    other = '[slices]\ndimensions = ["region"]\n' + sli("ok", "no_error")
    own = '[slices]\ndimensions = ["endpoint"]\n' + sli("ok", "no_error")
    partition = Partition("log", "events", ("log",), parse_teams({"a": f'models = ["m"]\n{own}', "default": other}))
    assert set(counted(partition, messages())) == {(each,) for _, each in VALUES}


def test_an_sli_may_be_about_one_endpoint() -> None:
    partition = Partition("log", "events", ("log",), parse(POLICY))
    parts = [part for _, item in partition.take(received(messages())).inputs for _, part in item.partials]
    sums = {
        part.series[which].values: part.slis[row].tolist() for part in parts for row, which in enumerate(part.which)
    }
    assert [values for values, slis in sums.items() if slis[1][0]] == [("eu", "/chat")]


def test_spans_have_it_by_their_route() -> None:
    recorder = Recorder({"service.version": "v1"})
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "http.route": "/chat", "region": "eu"}
    recorder.span(attributes, START_MS, START_MS + 5)
    partition = Partition("log", "events", ("log",), parse(POLICY), form="otlp")
    assert counted(partition, [as_json(recorder.taken())]) == Counter({("eu", "/chat"): 1})


def test_the_request_log_keeps_it_for_what_is_joined_later() -> None:
    taken = RequestLog("log", parse(POLICY), Pseudonyms("k" * 32)).take(received(messages()))
    dims = [row["dims"] for rows in taken.rows for row in expand(rows)]
    assert [(each.get("region", ""), each.get("endpoint", "")) for each in dims] == VALUES
