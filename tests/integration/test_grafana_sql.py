"""Every query of the boards in the engine, as Grafana would send it: it has rows, and any name is text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import migrated
from tests.dataflows.running import run_flow
from tests.rolled_back import PANE_MS, PANES, START_MS, log, policy

BOARDS = sorted((Path(__file__).parents[2] / "infra" / "grafana" / "boards").glob("*.json"))
MODEL = "a'b\\' OR 1=1 -- \"c"
# What Grafana puts for its variables.
VALUES = {"model": MODEL, "version": "v2", "slice": "*", "rule": "canary", "sli": "ok"}
# Nobody watches fields, labels answers or commands in this log.
EMPTY = {"Distance, in limits", "Beyond", "Right, by score", "Commands", "Open alerts"}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with migrated(tmp_path_factory.mktemp("boards")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in run_flow(policy(), [log(MODEL)], START_MS + 3_600_000).rows:
            inserter.add(rows)
        inserter.flush()
        for table in ("outcome_pane", "measure_pane"):
            embedded.client.command(f"SYSTEM REFRESH VIEW {table}_1h_refresh")
            embedded.client.command(f"SYSTEM WAIT VIEW {table}_1h_refresh")
        yield embedded.client


def sent(sql: str) -> str:
    """Return the SQL that the data source sends: half an hour around the log, a point a minute."""
    for name, value in VALUES.items():
        sql = sql.replace(f"${{{name}:percentencode}}", quote(value, safe=""))
    # Sums of whole hours are of hours that begin within the range.
    span = {"__from": START_MS - 3_600_000, "__to": START_MS + PANES * PANE_MS + 900_000, "__interval_ms": 60_000}
    for name, number in span.items():
        sql = sql.replace(f"${{{name}}}", str(number))
    assert "$" not in sql
    return sql


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: str(path.stem))
def test_every_query_is_answered(client: Client, path: Path) -> None:
    board = json.loads(path.read_text("utf-8"))
    asked: list[tuple[str, dict[str, Any]]] = [
        (panel["title"], target) for panel in board["panels"] for target in panel["targets"] if "rawSql" in target
    ]
    asked += [(each["name"], each["target"]) for each in board["annotations"].get("list", []) if "target" in each]
    for title, target in asked:
        answer = client.query(sent(target["rawSql"]))
        assert bool(answer.result_rows) == (title not in EMPTY), title
        if target["format"] == 0 and answer.result_rows:
            assert answer.column_names[0] == "time", title
            times = [row[0] for row in answer.result_rows]
            assert times == sorted(times), title
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            answer = client.query(sent(each["query"]))
            assert VALUES[each["name"]] in [row[0] for row in answer.result_rows], each["name"]
