"""The questions about verdicts and control events, asked of releases whose story is known."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import MIGRATIONS, migrated
from tests.integration.known_control import EVENTS, VERDICTS, at, control_rows
from tests.integration.known_events import DAY

QUERIES = MIGRATIONS / "queries"
FILES = ("mttr", "control_timeline", "verdicts_of_release", "rollbacks", "alerts_open")


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with migrated(tmp_path_factory.mktemp("control")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in control_rows():
            inserter.add(rows)
            inserter.flush()
        yield embedded.client


def _ask(client: Client, file: str, **params: Any) -> list[dict[str, Any]]:
    assert file in FILES
    return list(client.query((QUERIES / f"{file}.sql").read_text(), params).named_results())


def _time(minute: float) -> datetime:
    # The driver gives UTC without a zone.
    return datetime.fromtimestamp(at(minute) / 1000, UTC).replace(tzinfo=None)


def _only(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_mttr_is_told_in_its_parts(client: Client) -> None:
    rows = _ask(client, "mttr", model="")
    assert _only(rows, "model", "version", "pin", "rule", "outcome") == [
        ("checkout", "v2", "v1", "canary", "recovered"),
        ("checkout", "v3", "v1", "canary", "rollback_ineffective"),
        ("search", "v9", "", "availability-slo", "kill"),
    ]
    assert _only(rows, "onset", "detected", "applied", "recovered") == [
        (_time(10), _time(14), _time(14.5), _time(16)),
        (_time(40), _time(42), _time(43), None),
        (_time(20), _time(22), None, None),
    ]
    assert _only(rows, "to_detect_s", "to_apply_s", "to_verify_s", "to_recover_s") == [
        (240, 30, 90, 360),
        (120, 60, None, None),
        (120, None, None, None),
    ]
    assert _only(rows, "median_to_detect_s", "median_to_apply_s", "median_to_recover_s") == [
        (180, 45, 360),
        (180, 45, 360),
        (120, None, None),
    ]
    assert _ask(client, "mttr", model="search") == rows[2:]


def test_the_timeline_has_every_event_of_a_range_once_and_in_order(client: Client) -> None:
    day = {"from": DAY, "to": DAY + timedelta(days=1)}
    rows = _ask(client, "control_timeline", model="checkout", **day)
    mine = [event for event in EVENTS if event.model == "checkout"]
    fields = ("revision", "type", "state", "version", "rule", "severity", "reason", "id")
    assert _only(rows, *fields) == [tuple(getattr(event, name) for name in fields) for event in mine]
    assert _only(rows, "pin", "worst", "slices_n")[:3] == [("", "region=eu", 1), ("v1", "region=eu", 9), ("v1", "", 0)]
    assert [row["barred"] for row in rows] == [list(event.barred) for event in mine]
    assert [json.loads(row["weights"]) for row in rows] == [event.weights for event in mine]
    assert rows[5]["weights"] == '{"v2":0.0,"v3":0.0}'
    part = {"from": DAY + timedelta(minutes=14), "to": DAY + timedelta(minutes=14, seconds=30)}
    assert _only(_ask(client, "control_timeline", model="checkout", **part), "revision") == [(2,)]


def test_the_evidence_of_a_release_is_unpacked(client: Client) -> None:
    rows = _ask(client, "verdicts_of_release", model="checkout", version="v2", rule="canary")
    assert _only(rows, "at", "slice", "sli", "verdict") == [
        (_time(11), "*", "correct", "INSUFFICIENT"),
        (_time(12), "region=eu", "correct", "BAD"),
        (_time(14), "*", "correct", "BAD"),
    ]
    counts = ("candidate_good", "candidate_bad", "baseline", "baseline_good", "baseline_bad", "e_value", "difference")
    assert _only(rows, *counts) == [
        (None, None, "", None, None, None, None),
        (70, 30, "v1", 900, 100, pytest.approx(math.exp(9.5)), pytest.approx(0.2)),
        (240, 60, "v1", 900, 100, pytest.approx(math.exp(6.0)), pytest.approx(0.1)),
    ]
    told = [verdict.evidence for verdict in VERDICTS]
    names = ("lower", "upper", "confidence", "detectable", "decides_in")
    assert _only(rows, *names) == [tuple(getattr(each, name) for name in names) for each in told]
    assert [row["since"] for row in rows] == [None, _time(10), _time(10)]


def test_rollbacks_come_with_their_evidence_and_worst_slice(client: Client) -> None:
    rows = _ask(client, "rollbacks", model="")
    assert _only(rows, "at", "model", "type", "version", "pin", "worst", "affected") == [
        (_time(14), "checkout", "rollback", "v2", "v1", "region=eu", ["region=eu", "*"]),
        (_time(22), "search", "kill", "v9", "", "*", ["*"]),
        (_time(42), "checkout", "rollback", "v3", "v1", "region=eu", ["region=eu", "*"]),
    ]
    first = rows[0]
    assert (first["candidate_bad"], first["candidate_n"], first["baseline_bad"], first["baseline_n"]) == (
        30, 100, 100, 1000
    )  # fmt: skip
    assert (first["lower"], first["upper"], first["confidence"]) == pytest.approx((0.15, 0.25, 0.975))
    assert (first["sli"], first["threshold"], first["good"], first["bad"]) == ("correct", 0.0, None, None)
    assert first["e_value"] == pytest.approx(math.exp(9.5))
    assert first["differs"] == '{"prompt":["a","b"]}'
    assert _ask(client, "rollbacks", model="search") == rows[1:2]


def test_open_alerts_are_those_that_nothing_resolved(client: Client) -> None:
    rows = _ask(client, "alerts_open", model="")
    assert _only(rows, "model", "version", "rule", "severity", "since", "at", "worst", "acked", "silenced", "id") == [
        ("search", "v9", "availability-slo", "page", _time(19), _time(23), "region=us", 1, 0, "search-3"),
        ("search", "v8", "no-traffic", "ticket", _time(25), _time(25), "", 0, 1, "search-5"),
    ]
    assert rows[0]["reason"] == "acknowledged; command c1 by ann"
    assert rows[0]["runbook"] == "infra/runbooks/canary.md"
    assert _ask(client, "alerts_open", model="checkout") == []


def test_the_table_has_what_events_say_of_withdrawn_versions_and_of_what_was_left_out(client: Client) -> None:
    columns = ("barred", "lifts", "slices_more", "diff_more", "incident", "sentence", "update", "closes")
    query = f"SELECT id, {', '.join(columns)} FROM control_latest"  # noqa: S608  # Names from above.
    stored = {row["id"]: _only([row], *columns)[0] for row in client.query(query).named_results()}
    assert stored == {
        e.id: (list(e.barred), e.lifts, e.slices_more, e.diff_more, e.incident, e.sentence, e.update, e.closes)
        for e in EVENTS
    }
    assert stored["checkout-2"][:4] == (["v2"], None, 7, 3)
    assert stored["checkout-6"][:4] == (["v2", "v3"], 0, 0, 0)
