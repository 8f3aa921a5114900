"""Every address of the page over a store with rows: as HTML, and as JSON that holds what is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.page.app import PAGES
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import migrated
from tests.page_browser import served
from tests.sample_rows import sample
from tests.unit.test_page import get

pytestmark = pytest.mark.integration

ROWS = (Path(__file__).parent / "many_slices.sql").read_text()
BEGAN = 1_772_409_600_000
SAMPLED = ("policy", "command", "request", "triage_case", "dead_letter")
FEEDBACK = """INSERT INTO feedback
  (model, version, slice, request_id, kind, ts, request_ts, value, prediction, score, ver)
SELECT 'm', 'v2', '*', toString(number), 'label', toDateTime64('2026-03-02 00:30:00', 3, 'UTC'),
  toDateTime64('2026-03-02 00:30:00', 3, 'UTC'), 'a', 'a', 0.9, 1 FROM numbers(100)"""
WATCHED = """
INSERT INTO profile (profile, field, bin, label, n, ver)
SELECT 'p', 'features.f11', number + 1, concat('bin ', toString(number)), 10 * (number + 1), 1 FROM numbers(4);
INSERT INTO feature_window (model, version, slice, field, profile, window_start, window_end, counts, n, ver)
SELECT 'm', v, '*', 'features.f11', 'p', toDateTime64('2026-03-02 00:00:00', 3, 'UTC') + INTERVAL number MINUTE,
  toDateTime64('2026-03-02 00:01:00', 3, 'UTC') + INTERVAL number MINUTE,
  if(v = 'v2', [0, 0, 5, 15], [1, 2, 3, 4]), 10, 1
FROM numbers(10) AS a, (SELECT arrayJoin(['v1', 'v2']) AS v) AS b;
INSERT INTO outcome_window
  (model, version, slice, kind, size_ms, window_start, window_end, requests, error_types, errors, ver) VALUES
  ('m', 'v2', '*', 'tumbling', 60000, '2026-03-02 00:58:00', '2026-03-02 00:59:00', 1000,
   ['500', 'worse'], [10, 500], 9999);
INSERT INTO verdict (model, version, slice, rule, sli, at, verdict, ver) VALUES
  ('m', 'v2', '*', 'canary', 'correct', '2026-03-02 00:10:00', 'BAD', 1),
  ('m', 'v2', '*', 'canary', 'correct', '2026-03-02 00:20:00', 'OK', 1),
  ('m', 'v2', 'user=u1', 'canary', 'correct', '2026-03-02 00:10:00', 'BAD', 1),
  ('m', 'v0', '*', 'canary', 'correct', '2026-03-02 00:10:00', 'BAD', 1)"""
# By template: an address without its ending, and what must not be empty of what it shows.
SHOWN = {
    "overview": ("index", ["models", "alerts", "events"]),
    "model": ("m/m", ["releases", "charts", "errors"]),
    "release": ("m/m/r/v2", ["table", "found", "charts", "evidence", "events", "errors", "psi"]),
    "drift": ("m/m/drift", ["map", "slices", "distribution"]),
    "scores": ("m/m/scores", ["rows", "charts"]),
    "events": ("events", ["events"]),
    "alerts": ("alerts", ["alerts"]),
    "triage": ("triage", ["cases"]),
    "health": ("health", ["shards", "refused", "commands"]),
    "policies": ("policy", ["policies"]),
    "policy": ("policy/hash-0", ["policy"]),
    "command": ("command/id-0", ["command"]),
    "runbook": ("runbook/rollback.md", ["text"]),
    "request": ("request/request_id-0", ["parts_of"]),
}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with migrated(tmp_path_factory.mktemp("rows")) as embedded:
        for statement in [*ROWS.replace("SLICES", "3").replace("HOURS", "1").split(";"), FEEDBACK, *WATCHED.split(";")]:
            embedded.client.command(statement)
        inserter = Inserter(embedded.client, _fail)
        for table in SAMPLED:
            inserter.add(sample(table, 3))
        inserter.flush()
        with served(embedded.url) as server:
            yield server.address


@pytest.mark.parametrize("name", [name for _, name, _ in PAGES])
def test_a_page_with_rows_says_the_same_as_html_and_as_json(address: str, name: str) -> None:
    path, wanted = SHOWN[name]
    code, text, _ = get(f"{address}{path}.json")
    assert code == 200, text
    shown: dict[str, Any] = json.loads(text)
    assert [each for each in wanted if not shown[each]] == []
    code, text, _ = get(address + ("" if path == "index" else path))
    assert (code, text.startswith("<!doctype html>")) == (200, True), text


def shown(address: str, path: str) -> dict[str, Any]:
    code, text, _ = get(address + path)
    assert code == 200, text
    answer: dict[str, Any] = json.loads(text)
    return answer


def test_how_both_versions_fail_is_a_share_of_the_requests_of_each_in_the_slice(address: str) -> None:
    rows = {each["error_type"]: each for each in shown(address, "m/m/r/v2.json")["errors"]}
    assert next(iter(rows)) == "worse"
    assert rows["worse"]["baseline"] is None
    assert rows["worse"]["candidate"] | {"share": 0} == {
        "version": "v2", "error_type": "worse", "n": 500, "requests": 59_000, "share": 0,
    }  # fmt: skip
    assert (rows["500"]["candidate"]["n"], rows["500"]["baseline"]["share"]) == (590, 0.01)
    one = {each["error_type"]: each for each in shown(address, "m/m/r/v2.json?slice=user%3Du1")["errors"]}
    assert one["timeout"]["candidate"]["requests"] == 11_000
    assert "worse" not in one


def test_the_furthest_fields_of_the_chosen_slice_are_shown(address: str) -> None:
    first = shown(address, "m/m/r/v2.json")["psi"][0]
    assert (first["field"], first["candidate"]["worst"], first["baseline"]["worst"]) == ("features.f11", 0.11, 0.11)
    bad = shown(address, "m/m/r/v2.json?slice=region%3Dr2")["psi"][0]
    assert (bad["field"], bad["candidate"]["bad"] > 0, bad["baseline"]["bad"]) == ("features.f3", True, 0)


def test_a_field_is_shown_in_training_and_by_version(address: str) -> None:
    found = shown(address, "m/m/drift.json")["distribution"]
    assert (found["field"], found["kinds"]) == ("features.f11", {"v1": "baseline", "v2": "candidate"})
    assert [each["training"] for each in found["bins"]] == [0.1, 0.2, 0.3, 0.4]
    assert [each["shares"]["v1"] for each in found["bins"]] == [0.1, 0.2, 0.3, 0.4]
    assert [each["shares"]["v2"] for each in found["bins"]] == [0.0, 0.0, 0.25, 0.75]
    assert shown(address, "m/m/drift.json?field=features.f1")["distribution"]["bins"] == []


def test_versions_that_serve_have_their_verdicts_counted(address: str) -> None:
    """Each series by its last verdict; of a version that serves no more nothing is said."""
    (model,) = [each for each in shown(address, "index.json")["models"] if each["model"] == "m"]
    verdicts = {each["version"]: each["verdicts"] for each in model["shares"]}
    assert verdicts == {"v1": None, "v2": {"model": "m", "version": "v2", "bad": 1, "good": 1, "undecided": 0}}


@pytest.mark.parametrize("page", ["m/m.json", "m/m/r/v2.json"])
def test_lines_are_of_the_range_that_is_asked_for(address: str, page: str) -> None:
    asked = "from=2026-03-02T00:10:00Z&to=2026-03-02T00:30:00Z"
    charts = shown(address, f"{page}?{asked}")["charts"]
    assert {(each["start"], each["end"]) for each in charts} == {(BEGAN + 600_000, BEGAN + 1_800_000)}
    times = [at for each in charts for line in each["lines"] for at, _ in line["points"]]
    assert BEGAN + 600_000 <= min(times) < max(times) <= BEGAN + 1_800_000
    assert get(f"{address}{page}?from=2026-03-03T00:00:00Z")[0] == 400


@pytest.mark.parametrize("page", ["", "events", "alerts", "triage", "health", "policy"])
def test_a_page_without_lines_takes_no_range(address: str, page: str) -> None:
    for asked in ("from=5", "to=5", "since=1h"):
        code, text, _ = get(f"{address}{page}?{asked}")
        assert (code, "this page draws no lines" in text) == (400, True)
