"""Whatever happens on the way to the server, the tables end as if nothing had happened.

`bridge` is a real engine behind HTTP that breaks down to order; every test has a database of its own in it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.testing import TestingSource, cluster_main
from clickhouse_connect.driver.client import Client

from flows import resend
from operators.connectors.clickhouse.client import ClickHouseSink, open_clickhouse
from operators.connectors.clickhouse.errors import InsertError, RefusedError
from operators.connectors.clickhouse.inserter import Inserter, Retry
from operators.connectors.clickhouse.refused import Poison, letter_of
from operators.store.columns import TABLES
from operators.store.rows import Rows
from tests.conftest import Embedded, with_tables
from tests.integration.clickhouse_bridge import Bridge, Fault
from tests.sample_rows import sample

RETRY = Retry(wait_s=0.01, wait_s_max=0.05, deadline_s=300.0)
BATCHES = 3  # Of every table.


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("bridge")
    with_tables(folder)
    made = Bridge(folder / "clickhouse")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _made(bridge: Bridge, database: str) -> str:
    """Make a database with empty tables that are like those of the migrated one."""
    client = open_clickhouse(bridge.url("rollguard"))
    try:
        client.command(f"CREATE DATABASE {database}")
        for table in TABLES:
            client.command(f"CREATE TABLE {database}.{table} AS rollguard.{table}")
    finally:
        client.close()
    return database


@pytest.fixture
def database(bridge: Bridge, request: pytest.FixtureRequest) -> str:
    name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
    return _made(bridge, name)


def _content(client: Client) -> dict[str, Any]:
    """Every column of every row that rollguard wrote, and the number of rows stored, superseded ones included."""
    content = {}
    for table, columns in TABLES.items():
        query = f"SELECT {', '.join(columns)} FROM {table} FINAL ORDER BY ALL"  # noqa: S608
        stored = client.query("SELECT count() FROM {table:Identifier}", {"table": table}).result_rows
        content[table] = (client.query(query).result_rows, stored)
    return content


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def _write(client: Client, between: Callable[[int], None] = lambda _: None, retry: Retry = RETRY) -> None:
    inserter = Inserter(client, _fail, retry=retry)
    for batch in range(BATCHES):
        for table in TABLES:
            inserter.add(sample(table, 20, 20 * batch))
        inserter.flush()
        between(batch)


@pytest.fixture(scope="module")
def undisturbed(bridge: Bridge) -> dict[str, Any]:
    client = open_clickhouse(bridge.url(_made(bridge, "undisturbed")))
    try:
        _write(client)
        return _content(client)
    finally:
        client.close()


def test_undisturbed_rows_are_all_there(undisturbed: dict[str, Any]) -> None:
    assert {table: len(rows) for table, (rows, _) in undisturbed.items()} == dict.fromkeys(TABLES, 20 * BATCHES)


@pytest.mark.parametrize(
    "faults",
    [
        # The driver itself sends again after the first, and says nothing.
        ("lost_ack",),
        ("lost_ack", "lost_ack", "lost_ack"),
        ("reset", "reset", "reset"),
        ("unavailable", "too_many_parts", "lost_ack", "unavailable"),
    ],
)
def test_faults_leave_no_trace(
    bridge: Bridge, database: str, undisturbed: dict[str, Any], faults: tuple[Fault, ...]
) -> None:
    client = open_clickhouse(bridge.url(database))
    try:
        bridge.order(*faults)
        _write(client)
        sent = bridge.inserts()
        assert [one["fault"] for one in sent][: len(faults)] == list(faults)
        assert len({one["token"] for one in sent}) == BATCHES * len(TABLES)
        assert _content(client) == undisturbed
    finally:
        client.close()


def test_rows_that_land_after_the_client_gave_up_leave_no_trace(
    bridge: Bridge, database: str, undisturbed: dict[str, Any]
) -> None:
    client = open_clickhouse(bridge.url(database), answer_timeout_s=1)
    try:
        bridge.order("stall")
        _write(client)
        _wait_until(lambda: all(one["done"] for one in bridge.inserts()))
        # One was sent again; more where the machine has much to do.
        assert len(bridge.inserts()) > BATCHES * len(TABLES)
        assert _content(client) == undisturbed
    finally:
        client.close()


def test_a_killed_server_leaves_no_trace(bridge: Bridge, database: str, undisturbed: dict[str, Any]) -> None:
    """It is killed during an insert, refuses the client for a while, and comes back on the same data."""
    client = open_clickhouse(bridge.url(database))

    def restart() -> None:
        _wait_until(lambda: len(bridge.inserts()) >= 1)
        bridge.stop(kill=True)
        time.sleep(0.2)  # Long enough for the client to be refused.
        bridge.start()

    restarting = threading.Thread(target=restart)

    def stall(batch: int) -> None:
        if batch == 1:
            bridge.order("stall")
            restarting.start()

    try:
        _write(client, stall)
        assert _content(client) == undisturbed
    finally:
        restarting.join()
        client.close()


def test_a_replay_in_other_batches_leaves_no_trace(bridge: Bridge, database: str, undisturbed: dict[str, Any]) -> None:
    """After a crash the worker sends the last epoch again, cut otherwise, so that no token helps."""
    client = open_clickhouse(bridge.url(database))
    try:
        _write(client)
        inserter = Inserter(client, _fail, retry=RETRY)
        for table in TABLES:
            for first in range(10, 60, 25):
                inserter.add(sample(table, 25, first))
                inserter.flush()
        rows = {table: rows for table, (rows, _) in undisturbed.items()}
        assert {table: rows for table, (rows, _) in _content(client).items()} == rows
    finally:
        client.close()


def test_a_server_that_stays_away_stops_the_flush_at_its_deadline(bridge: Bridge, database: str) -> None:
    client = open_clickhouse(bridge.url(database))
    bridge.stop()
    try:
        with pytest.raises(InsertError, match=r"20 rows for sli_pane not stored after .* attempts"):
            _write(client, retry=Retry(wait_s=0.01, wait_s_max=0.05, deadline_s=0.3))
    finally:
        bridge.start()
        client.close()


def test_a_poison_row_is_named_and_the_others_are_stored(bridge: Bridge, database: str) -> None:
    client = open_clickhouse(bridge.url(database))
    poisons: list[Poison] = []
    try:
        client.command("ALTER TABLE sli_pane ADD CONSTRAINT harmless CHECK ver != 8")
        inserter = Inserter(client, poisons.append, retry=RETRY)
        inserter.add(sample("sli_pane", 20))
        inserter.flush()
        stored = client.query("SELECT ver FROM sli_pane FINAL ORDER BY ver").result_columns[0]
    finally:
        client.close()
    assert stored == [ver for ver in range(1, 21) if ver != 8]
    (poison,) = poisons
    assert (poison.table, '"ver": 8' in poison.row) == ("sli_pane", True)
    assert "harmless" in poison.error


def test_a_refused_row_can_be_sent_again(bridge: Bridge, database: str, tmp_path: Path) -> None:
    """Once with the fault still there, then without, and once too often."""
    client = open_clickhouse(bridge.url(database))
    letters = tmp_path / "deadletter.ndjson"
    lines = [b'{"source": "events", "reason": "bad_json"}\n', b"none\n"]
    try:
        client.command("ALTER TABLE measure_pane ADD CONSTRAINT harmless CHECK ver != 8")
        inserter = Inserter(client, lambda poison: lines.append(letter_of(poison) + b"\n"), retry=RETRY)
        inserter.add(sample("measure_pane", 20))
        inserter.flush()
        letters.write_bytes(b"".join(lines))
        again = resend.run(resend.of_files([letters]), bridge.url(database))
        assert (again.stored, again.refused, again.misfit) == (0, 1, 0)
        assert "harmless" in again.last
        client.command("ALTER TABLE measure_pane DROP CONSTRAINT harmless")
        for _ in range(2):
            assert resend.run(resend.of_files([letters]), bridge.url(database)).stored == 1
        columns = ", ".join(TABLES["measure_pane"])
        query = f"SELECT {columns} FROM measure_pane FINAL ORDER BY ALL"  # noqa: S608
        found = client.query(query).result_rows
        client.command("TRUNCATE TABLE measure_pane")
        _fresh(client, sample("measure_pane", 20))
        assert found == client.query(query).result_rows
    finally:
        client.close()


def _fresh(client: Client, rows: Rows) -> None:
    """Store rows that were stored before: the server forgets tokens with the table's contents."""
    client.command("ALTER TABLE measure_pane MODIFY SETTING non_replicated_deduplication_window = 0")
    inserter = Inserter(client, _fail, retry=RETRY)
    inserter.add(rows)
    inserter.flush()


FAILING_S = 10.0 if os.environ.get("ROLLGUARD_PROVE") == "1" else 2.0


@pytest.mark.parametrize("first", [0, 9])
def test_a_server_that_fails_by_a_code_of_rows_for_a_while_loses_nothing(
    bridge: Bridge, database: str, undisturbed: dict[str, Any], first: int
) -> None:
    """It begins with the first insert, or when some tables have been written and others have not."""
    client = open_clickhouse(bridge.url(database))
    well: Fault = "none"
    ill: Fault = "cannot_read"
    try:
        bridge.order(*[well] * first, *[ill] * 5_000)
        healing = threading.Timer(FAILING_S, bridge.order)
        healing.start()
        _write(client)
        healing.join()
        content = _content(client)
        assert {table: rows for table, (rows, _) in content.items()} == {
            table: rows for table, (rows, _) in undisturbed.items()
        }
    finally:
        client.close()


def test_a_changed_password_stops_at_once(bridge: Bridge, database: str) -> None:
    client = open_clickhouse(bridge.url(database))
    client.headers["Authorization"] = "Basic bm9ib2R5Og=="  # type: ignore[attr-defined]
    try:
        with pytest.raises(InsertError, match=r"after 1 attempts: .*Authentication failed"):
            _write(client, retry=Retry(wait_s=60.0, wait_s_max=60.0, deadline_s=600.0))
    finally:
        client.close()


def _flow(url: str, batches: list[Any], fail: Callable[[Exception], None] | None = None) -> Dataflow:
    flow = Dataflow("sink")
    rows = op.input("in", flow, TestingSource(batches))
    op.output("out", op.key_on("key", rows, lambda _: "0"), ClickHouseSink(url, _fail, retry=RETRY, fail=fail))
    return flow


def test_the_sink_stores_rows_when_the_epoch_closes(embedded_clickhouse: Embedded) -> None:
    batches: list[Rows] = [sample(table, 20, 20 * batch) for batch in range(BATCHES) for table in TABLES]
    cluster_main(  # type: ignore[no-untyped-call]
        _flow(embedded_clickhouse.url, batches), [], 0, epoch_interval=timedelta(0)
    )
    counts = {table: len(rows) for table, (rows, _) in _content(embedded_clickhouse.client).items()}
    assert counts == dict.fromkeys(TABLES, 20 * BATCHES)


def test_a_crash_stores_nothing_of_its_epoch(embedded_clickhouse: Embedded) -> None:
    """Bytewax closes the sink while it unwinds; rows stored then would belong to an epoch that did not count."""
    batches: list[Any] = [sample("sli_pane", 20), TestingSource.ABORT()]
    cluster_main(  # type: ignore[no-untyped-call]
        _flow(embedded_clickhouse.url, batches), [], 0, epoch_interval=timedelta(hours=1)
    )
    assert embedded_clickhouse.client.query("SELECT count() FROM sli_pane").result_rows == [(0,)]


def test_a_failed_flush_stops_the_dataflow(embedded_clickhouse: Embedded) -> None:
    embedded_clickhouse.client.command("DROP TABLE sli_pane")
    with pytest.raises(BytewaxRuntimeError) as caught:
        cluster_main(  # type: ignore[no-untyped-call]
            _flow(embedded_clickhouse.url, [sample("sli_pane", 20)]), [], 0, epoch_interval=timedelta(0)
        )
    assert isinstance(caught.value.__cause__, InsertError)


def test_a_bounded_run_is_told_of_a_failed_flush_and_ends_in_order(embedded_clickhouse: Embedded) -> None:
    embedded_clickhouse.client.command("DROP TABLE sli_pane")
    errors: list[Exception] = []
    flow = _flow(embedded_clickhouse.url, [sample("sli_pane", 20)], errors.append)
    cluster_main(flow, [], 0, epoch_interval=timedelta(0))  # type: ignore[no-untyped-call]
    assert [type(error) for error in errors] == [InsertError]


def test_the_sink_refuses_to_start_with_a_wrong_password(bridge: Bridge, database: str) -> None:
    sink = ClickHouseSink(bridge.url(database, "guess"), _fail)
    with pytest.raises(RefusedError, match="wrong user or password") as caught:
        sink.build_part("out", "0", None)
    assert "guess" not in str(caught.value)


def _wait_until(done: Callable[[], bool], timeout_s: float = 300.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
