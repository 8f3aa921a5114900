"""Hours and days equal the panes they are made of, also after rows that came twice or late."""

from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Rows
from tests.conftest import Embedded
from tests.sample_rows import START_MS, sample

PANES = ("sli_pane", "outcome_pane", "measure_pane")
HOUR_MS = 3_600_000

# What must agree, each as sums over all rows: also every bucket on its own.
TOTALS = {
    "sli_pane": "SELECT model, version, slice, {start} AS t, sli, sum(good), sum(bad), sum(neither), sum(ver),"
    " any(dims)"
    " FROM {view} GROUP BY ALL ORDER BY ALL",
    "outcome_pane": "SELECT model, version, slice, {start} AS t, error_type, sum(n), sum(ver), any(dims)"
    " FROM {view} GROUP BY ALL ORDER BY ALL",
    "measure_pane": "SELECT model, version, slice, {start} AS t, measure, gamma, sum(n), sum(sum), min(min), max(max),"
    " sumMap(buckets, arrayMap(k -> toUInt64(k), counts)), sum(ver), any(dims) FROM {view} GROUP BY ALL ORDER BY ALL",
}


def _rows(table: str, count: int, first: int = 0, **columns: Any) -> Rows:
    rows = sample(table, count, first)
    if table == "measure_pane":
        columns["gamma"] = np.full(count, 1.02)
    return Rows(table=table, columns={**rows.columns, **columns})


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def _write(client: Client, *args: Any, **columns: Any) -> None:
    inserter = Inserter(client, _fail)
    for table in PANES:
        inserter.add(_rows(table, *args, **columns))
    inserter.flush()


def _refresh(client: Client) -> None:
    for grain in ("1h", "1d"):
        for table in PANES:
            client.command(f"SYSTEM REFRESH VIEW {table}_{grain}_refresh")
            client.command(f"SYSTEM WAIT VIEW {table}_{grain}_refresh")


def _check(client: Client) -> None:
    _refresh(client)
    for grain, start in (("1h", "toStartOfHour(pane_start)"), ("1d", "toStartOfDay(pane_start)")):
        for table, query in TOTALS.items():
            panes = client.query(query.format(start=start, view=f"{table}_latest")).result_rows
            rolled = client.query(query.format(start=start, view=f"{table}_{grain}_latest")).result_rows
            assert rolled == panes, (table, grain)
            assert rolled


@pytest.fixture
def client(embedded_clickhouse: Embedded) -> Client:
    # 3000 rows of 600 panes of 10 s: two hours, three of them touched.
    _write(embedded_clickhouse.client, 3000)
    _check(embedded_clickhouse.client)
    return embedded_clickhouse.client


def test_rows_that_come_twice_count_once(client: Client) -> None:
    """The same rows in other blocks, and rows of the same key that had folded more events."""
    _write(client, 700, 100)
    _check(client)
    _write(client, 50, 0, ver=np.arange(50) + 1000)
    _check(client)


def test_late_rows_count_in_their_own_hour(client: Client) -> None:
    late = {"late": np.ones(20, np.uint8), "arrival": np.full(20, START_MS + 9 * HOUR_MS)}
    before = client.query("SELECT sum(good) FROM sli_pane_1h_latest").result_rows[0][0]
    _write(client, 20, 0, **late)
    _check(client)
    assert client.query("SELECT sum(good) FROM sli_pane_1h_latest").result_rows[0][0] == before + sum(range(20))


def test_only_hours_with_new_rows_are_written_again(client: Client) -> None:
    """With the last refresh long ago, the look-back of five minutes finds nothing but the new row's hour."""
    for table in PANES:
        client.command(f"ALTER TABLE {table} UPDATE inserted_at = now64(3) - 3600 WHERE 1 SETTINGS mutations_sync = 2")
        client.command(
            f"ALTER TABLE {table}_1h UPDATE refreshed_at = now64(3) - 1800 WHERE 1 SETTINGS mutations_sync = 2"
        )
    _write(client, 5, 3000)
    _check(client)
    written = "SELECT uniqExact(pane_start) FROM sli_pane_1h WHERE refreshed_at > now64(3) - 900"
    assert client.query(written).first_row == (1,)


def test_hours_outlive_their_panes(client: Client) -> None:
    """What is left of an hour after its panes expired must not replace what was counted when they were all there."""
    totals = "SELECT sum(good), sum(ver) FROM sli_pane_1h_latest"
    before = client.query(totals).first_row
    client.command("DELETE FROM sli_pane WHERE ver % 2 = 0")
    client.command("ALTER TABLE sli_pane UPDATE inserted_at = now64(3) WHERE 1 SETTINGS mutations_sync = 2")
    _refresh(client)
    assert client.query(totals).first_row == before
