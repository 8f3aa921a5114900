"""What a success and a unit of business value cost, asked of a story and counted from its items."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.policy_file.toml import parse
from tests.conftest import MIGRATIONS, migrated
from tests.dataflows.running import run_flow
from tests.dearer import BASE, END_S, START_MS, items, logs

FILES = ("cost_per_kpi",)


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    ran = run_flow(parse(BASE), logs(worth=3.0), START_MS + END_S * 1000)
    with migrated(tmp_path_factory.mktemp("kpi")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in ran.rows:
            inserter.add(rows)
        inserter.flush()
        yield embedded.client


def test_costs_and_business_value_are_those_of_the_items(client: Client) -> None:
    text = (MIGRATIONS / "queries" / "cost_per_kpi.sql").read_text()
    params: dict[str, Any] = {
        "model": "shop", "sli": "availability", "panes": "sli_pane_latest", "costs": "measure_pane_latest",
        "from": datetime.fromtimestamp(START_MS / 1000 - 60, UTC),
        "to": datetime.fromtimestamp(START_MS / 1000 + END_S + 60, UTC),
    }  # fmt: skip
    rows = {row["version"]: row for row in client.query(text, params).named_results()}
    events, feedback = items(worth=3.0)
    assert rows.keys() == {"v1", "v2"}
    for version, row in rows.items():
        mine = [each for each in events if each["version"] == version]
        told = [each for each in feedback if each["version"] == version]
        cost, worth = sum(each["cost_usd"] for each in mine), sum(each["value"] for each in told)
        successes = sum(each["error_type"] is None for each in mine)
        assert (row["kpi"], row["unit"], row["requests"], row["successes"]) == ("margin", "EUR", len(mine), successes)
        assert row["kpi_share"] == pytest.approx(len(told) / len(mine))
        assert row["kpi_total"] == pytest.approx(worth)
        assert row["cost_per_success"] == pytest.approx(cost / successes, rel=1e-6)
        assert row["cost_per_kpi"] == pytest.approx(cost / worth, rel=1e-6)
    assert client.query(text, params | {"model": "none"}).result_rows == []
