"""The questions about single requests, asked of a story that the monitor and the request log were both told.

Version v2 serves beside v1 from the fifth minute, fails for users in the EU, and is rolled back.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from operators.archive.log import RequestLog
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.ingest.formats.format import Stream
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from tests.conftest import MIGRATIONS, migrated
from tests.dataflows.making import POLICY, received
from tests.dataflows.running import run_flow
from tests.oracle import Log

QUERIES = MIGRATIONS / "queries"
FILES = ("request", "request_cost", "request_attempts", "control_requests")
START_MS = 1_760_000_000_000
SPAN_S = 1_200
RULES = parse(
    POLICY.replace("[time]", "[time]\noutliers = 0")
    + """
[archive]
texts = "full"

[release]
settle = "1m"
warm_up = "0s"

[[rule]]
name = "canary"
kind = "canary"
slis = ["availability"]
action = "rollback"
slices = ["*", "region"]
blip = "0s"
"""
)
IDS = Pseudonyms("0123456789abcdef")


def _events() -> list[dict[str, Any]]:
    random = Random(5)
    found: list[dict[str, Any]] = []
    for second in range(SPAN_S):
        for each in range(2):
            version = "v2" if second > 300 and each else "v1"
            region = random.choice(["eu", "us"])
            failed = version == "v2" and region == "eu" and random.random() < 0.8
            body: dict[str, Any] = {
                "request_id": f"r{second}-{each}",
                "ts": START_MS + second * 1000 + each,
                "model": "checkout",
                "version": version,
                "slices": {"region": region, "segment": "pro"},
                "user_id": f"user-{random.randrange(300)}",
                "team": random.choice(["web", "app"]),
                "prompt_version": f"p-{version}",
                "cost_usd": 0.001 if random.random() < 0.9 else None,
                "input_tokens": 10,
                "attempt": 1,
                "prediction": "yes",
                "retrieval": [{"id": "doc-1", "score": 0.5, "source": "kb", "version": "7"}, {"id": "doc-2"}],
                "tools": [{"name": "search", "ok": False, "latency_ms": 12}],
                "input": "What is it?",
            }
            found.append(body | {"error_type": "timeout" if failed else None})
            if failed and random.random() < 0.5:  # Tried again, and answered by v1.
                again = {"attempt": 2, "version": "v1", "error_type": None, "ts": body["ts"] + 500}
                found.append(body | again)
    return sorted(found, key=lambda event: event["ts"])


EVENTS = _events()
FAILED = next(event for event in EVENTS if event["error_type"] and event["ts"] > START_MS + 312_000)


def _feedback() -> list[dict[str, Any]]:
    context = {name: FAILED[name] for name in ("model", "version", "slices", "request_id")}
    told = {"ts": FAILED["ts"] + 60_000, "request_ts": FAILED["ts"]}
    return [
        context | told | {"kind": "judge", "name": "helpful", "source": "judge-1", "value": 2},
        context | told | {"kind": "label", "value": "no", "prediction": "yes"},
    ]


def _log(name: Stream, items: list[dict[str, Any]]) -> Log:
    return Log(name=name, stream=name, first=1, messages=[json.dumps(item).encode() for item in items])


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    logs = [_log("events", EVENTS), _log("feedback", _feedback())]
    ran = run_flow(RULES, logs, START_MS + SPAN_S * 1000)
    assert "rollback" in {event.type for event in ran.control}
    with migrated(tmp_path_factory.mktemp("requests")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        taken = RequestLog("events/0", RULES, IDS).take(received(logs[0].messages))
        for rows in (*ran.rows, *taken.rows):
            inserter.add(rows)
        inserter.flush()
        yield embedded.client


def _ask(client: Client, file: str, **params: Any) -> list[dict[str, Any]]:
    assert file in FILES
    params = {"model": ""} | params if file == "request" else params
    return list(client.query((QUERIES / f"{file}.sql").read_text(), params).named_results())


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _naive(ms: int) -> datetime:
    return _time(ms).replace(tzinfo=None)  # As the driver gives UTC.


ALL = {"from": _time(START_MS), "to": _time(START_MS + 86_400_000)}


def _answered(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in EVENTS if each["request_id"] == event["request_id"]]


def test_all_that_belongs_to_a_request_is_told(client: Client) -> None:
    rows = _ask(client, "request", request=FAILED["request_id"])
    parts = [row["part"] for row in rows]
    assert list(dict.fromkeys(parts)) == ["request", "retrieval", "tool", "feedback", "window", "verdict", "ended"]
    attempts = len(_answered(FAILED))
    first = [row for row in rows if row["part"] == "request" and row["at"] == _naive(FAILED["ts"])]
    told = {row["name"]: row["detail"] for row in first}
    assert (told["model"], told["version"], told["prompt_version"]) == ("checkout", "v2", "p-v2")
    assert (told["error_type"], told["input"], told["user_id"]) == ("timeout", "What is it?", IDS.of(FAILED["user_id"]))
    assert told["place"].startswith("events/0 at ")
    assert "trace_id" not in told
    assert {(row["name"], row["detail"]) for row in rows if row["part"] == "retrieval"} == {
        ("doc-1", "score 0.5, from kb, version 7"), ("doc-2", ""),
    }  # fmt: skip
    assert parts.count("tool") == attempts
    assert {(row["name"], row["detail"]) for row in rows if row["part"] == "feedback"} == {
        ("judge helpful", "2 by judge-1"), ("label", "no"),
    }  # fmt: skip
    (ended,) = [row for row in rows if row["part"] == "ended" and "took over" not in row["detail"]]
    assert ended["name"] == "rollback"
    assert "by canary, traffic to v1" in ended["detail"]
    verdicts = {row["name"] for row in rows if row["part"] == "verdict"}
    assert "canary (availability) of v2, *" in verdicts
    assert not any("region=us" in name for name in verdicts)


def test_windows_are_those_that_the_request_counted_in(client: Client) -> None:
    rows = [row for row in _ask(client, "request", request=FAILED["request_id"]) if row["part"] == "window"]
    assert len(rows) == len({row["name"] for row in rows}), "each once, however often the request was tried"
    by_name = {row["name"]: row["detail"] for row in rows}
    sliding = by_name["availability of v2, region=eu, 60 s"]
    assert sliding.startswith("6 windows, the first: ")  # Of a minute, every 10 seconds.
    start = FAILED["ts"] // 10_000 * 10_000 - 50_000  # That one ends with the pane of the request.
    mine = [
        each for each in EVENTS
        if each["version"] == "v2" and each["slices"]["region"] == "eu" and start <= each["ts"] < start + 60_000
    ]  # fmt: skip
    bad = sum(each["error_type"] is not None for each in mine)
    assert f"the first: {len(mine) - bad} good, {bad} bad; " in sliding
    assert not any("region=us" in name for name in by_name)


def test_nothing_is_told_of_a_request_that_is_not_there(client: Client) -> None:
    assert _ask(client, "request", request="r-none") == []
    assert _ask(client, "request", request=FAILED["request_id"], model="search") == []
    assert _ask(client, "request", request=FAILED["request_id"], model="checkout")


@pytest.mark.parametrize("by", ["team", "prompt_version", "user_id"])
def test_costs_are_added_up_by_who_asked(client: Client, by: str) -> None:
    rows = _ask(client, "request_cost", by=by, model="checkout", **ALL)
    groups: dict[str, list[dict[str, Any]]] = {}
    for event in EVENTS:
        name = IDS.of(event[by]) if by == "user_id" else event[by]
        groups.setdefault(name or "", []).append(event)
    assert {row["who"] for row in rows} == groups.keys()
    for row in rows:
        mine = groups[row["who"]]
        costs = [each["cost_usd"] for each in mine if each["cost_usd"] is not None]
        assert (row["attempts"], row["requests"]) == (len(mine), len({each["request_id"] for each in mine}))
        assert row["failures"] == sum(each["error_type"] is not None for each in mine)
        assert float(row["cost_usd"]) == pytest.approx(0.001 * len(costs), rel=1e-12)
        assert row["cost_known"] == pytest.approx(len(costs) / len(mine))
        assert row["input_tokens"] == 10 * len(mine)
    assert [row["cost_usd"] for row in rows] == sorted((row["cost_usd"] for row in rows), reverse=True)


def test_availability_is_told_per_attempt_and_per_request(client: Client) -> None:
    rows = _ask(client, "request_attempts", model="", **ALL)
    requests: dict[str, list[dict[str, Any]]] = {}
    for event in EVENTS:
        requests.setdefault(event["request_id"], []).append(event)
    assert [row["version"] for row in rows] == ["v1", "v2"]
    for row in rows:
        mine = [tries for tries in requests.values() if tries[-1]["version"] == row["version"]]
        failed = sum(all(each["error_type"] for each in tries) for tries in mine)
        attempts = [each for tries in mine for each in tries]
        assert (row["requests"], row["requests_failed"], row["attempts"]) == (len(mine), failed, len(attempts))
        assert row["retried"] == sum(len(tries) > 1 for tries in mine)
        assert row["timeouts"] == row["attempts_failed"] == sum(bool(each["error_type"]) for each in attempts)
        assert row["availability_per_request"] == pytest.approx(1 - failed / len(mine))
    assert rows[0]["availability_per_attempt"] < rows[0]["availability_per_request"] == 1


def test_the_failing_requests_behind_a_rollback_are_named(client: Client) -> None:
    (event,) = client.query("SELECT id, onset, at FROM control_latest WHERE type = 'rollback'").result_rows
    rows = _ask(client, "control_requests", event=event[0], within_s=600, low=3, limit=10_000)
    began = event[1] or event[2] - timedelta(seconds=600)
    found = {row["request_id"] for row in rows}
    mine = [each for each in EVENTS if each["version"] == "v2" and began <= _naive(each["ts"]) < event[2]]
    assert found == {each["request_id"] for each in mine if each["error_type"]}
    assert FAILED["request_id"] in found
    assert len(_ask(client, "control_requests", event=event[0], within_s=600, low=3, limit=2)) == 2
    (judged,) = [row for row in rows if row["request_id"] == FAILED["request_id"]]
    assert (judged["label"], judged["lowest_score"], judged["error_type"]) == ("no", 2, "timeout")
    assert {row["label"] for row in rows if row is not judged} == {""}
