"""Every address of the page over a store with rows: as HTML, and as JSON that holds what is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.page.app import PAGES
from flows.page.serve import Server
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import migrated
from tests.sample_rows import sample
from tests.unit.test_page import get

pytestmark = pytest.mark.integration

ROWS = (Path(__file__).parent / "many_slices.sql").read_text()
SAMPLED = ("policy", "command", "request", "triage_case", "dead_letter")
FEEDBACK = """INSERT INTO feedback
  (model, version, slice, request_id, kind, ts, request_ts, value, prediction, score, ver)
SELECT 'm', 'v2', '*', toString(number), 'label', toDateTime64('2026-03-02 00:30:00', 3, 'UTC'),
  toDateTime64('2026-03-02 00:30:00', 3, 'UTC'), 'a', 'a', 0.9, 1 FROM numbers(100)"""
# By template: an address without its ending, and what must not be empty of what it shows.
SHOWN = {
    "overview": ("index", ["models", "alerts", "events"]),
    "model": ("m/m", ["releases", "charts", "errors"]),
    "release": ("m/m/r/v2", ["table", "found", "charts", "evidence", "events"]),
    "drift": ("m/m/drift", ["rows", "ends"]),
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
        for statement in [*ROWS.replace("SLICES", "3").replace("HOURS", "1").split(";"), FEEDBACK]:
            embedded.client.command(statement)
        inserter = Inserter(embedded.client, _fail)
        for table in SAMPLED:
            inserter.add(sample(table, 3))
        inserter.flush()
        server = Server(embedded.url, "127.0.0.1:0")
        try:
            server.begin()
            yield server.address
        finally:
            server.end()


@pytest.mark.parametrize("name", [name for _, name, _ in PAGES])
def test_a_page_with_rows_says_the_same_as_html_and_as_json(address: str, name: str) -> None:
    path, wanted = SHOWN[name]
    code, text, _ = get(f"{address}{path}.json")
    assert code == 200, text
    shown: dict[str, Any] = json.loads(text)
    assert [each for each in wanted if not shown[each]] == []
    code, text, _ = get(address + ("" if path == "index" else path))
    assert (code, text.startswith("<!doctype html>")) == (200, True), text
