"""What a success and a unit of business value cost, asked of a story and counted from its items."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from flows.page.store import Store, moment
from flows.page.views.model import costs
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.policy_file.toml import parse
from tests.conftest import MIGRATIONS, Embedded, migrated
from tests.dataflows.running import run_flow
from tests.dearer import BASE, END_S, START_MS, items, logs

FILES = ("cost_per_kpi",)


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    ran = run_flow(parse(BASE), logs(worth=3.0), START_MS + END_S * 1000)
    with migrated(tmp_path_factory.mktemp("kpi")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in ran.rows:
            inserter.add(rows)
        inserter.flush()
        yield embedded


@pytest.fixture
def client(embedded: Embedded) -> Client:
    return embedded.client


@pytest.fixture
def store(embedded: Embedded) -> Iterator[Store]:
    with closing(Store(embedded.url)) as opened:
        yield opened


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


def test_the_page_of_a_model_says_what_a_success_and_a_kpi_cost(client: Client, store: Store) -> None:
    """In whole windows of the shortest size, of which the last one of the log is cut off by the range."""
    minute_ms = 60_000
    start_ms, end_ms = START_MS // minute_ms * minute_ms, (START_MS // 1000 + END_S) * 1000 // minute_ms * minute_ms
    span = {"from": moment(start_ms), "to": moment(end_ms)}
    rows = {row["version"]: row for row in costs(store, "shop", ["fast", "availability"], span)}
    events, feedback = items(worth=3.0)
    assert rows.keys() == {"v1", "v2"}
    for version, row in rows.items():
        mine = [each for each in events if each["version"] == version and each["ts"] < end_ms]
        told = [each for each in feedback if each["version"] == version and each["request_ts"] <= end_ms]
        cost, worth = sum(each["cost_usd"] for each in mine), sum(each["value"] for each in told)
        successes = sum(each["error_type"] is None for each in mine)
        assert (row["sli"], row["kpi"], row["unit"]) == ("availability", "margin", "EUR")
        assert row["cost"] == pytest.approx(cost, rel=1e-6)
        assert row["per_success"] == pytest.approx(cost / successes, rel=1e-6)
        assert row["per_kpi"] == pytest.approx(cost / worth, rel=1e-6)
    assert costs(store, "shop", [], span) == []
    assert costs(store, "none", ["availability"], span) == []
