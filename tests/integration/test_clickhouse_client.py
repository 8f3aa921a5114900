"""Opening ClickHouse: every way to fail says what to do, and no zone of any host bends a time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from operators.connectors.clickhouse.address import Address
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import EmbeddedError, RefusedError, UnreachableError
from operators.connectors.clickhouse.migrations import migrate
from tests.conftest import MIGRATIONS, Embedded
from tests.integration.clickhouse_bridge import Bridge


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    made = Bridge(tmp_path / "clickhouse")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_a_server_is_migrated_once_and_then_opened(bridge: Bridge) -> None:
    url = bridge.url("fresh")
    with pytest.raises(RefusedError, match="no database fresh; run `rollguard migrate` first"):
        open_clickhouse(url)
    applied = migrate(url, MIGRATIONS)
    assert applied == sorted(file.name for file in MIGRATIONS.glob("*.sql"))
    assert migrate(url, MIGRATIONS) == []
    client = open_clickhouse(url)
    assert client.query("SELECT count() FROM sli_pane_latest").result_rows == [(0,)]
    client.close()


def test_a_wrong_password_is_refused_and_not_repeated(bridge: Bridge) -> None:
    with pytest.raises(RefusedError, match="wrong user or password") as caught:
        open_clickhouse(bridge.url("fresh", "my-guess"))
    assert "my-guess" not in repr(caught.value)


def test_a_folder_in_use_is_refused_and_free_afterwards(bridge: Bridge, tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}/clickhouse"
    with pytest.raises(EmbeddedError, match="another process uses it"):
        open_clickhouse(url)
    bridge.stop()
    open_clickhouse(url).close()


def test_a_second_folder_is_refused(embedded_clickhouse: Embedded, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="this process has another folder open"):
        open_clickhouse(f"chdb://{tmp_path}/second")
    assert embedded_clickhouse.client.query("SELECT 1").result_rows == [(1,)]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match="file/clickhouse"):
        open_clickhouse(f"chdb://{tmp_path}/file/clickhouse")


def test_nobody_at_the_address(bridge: Bridge) -> None:
    bridge.stop()
    with pytest.raises(UnreachableError, match=f"no ClickHouse answers at http://127.0.0.1:{bridge.port}"):
        open_clickhouse(bridge.url("fresh"))


def test_addresses() -> None:
    embedded = Address.parse("chdb:///var/lib/click%20house?database=other")
    assert (embedded.path, embedded.database) == ("/var/lib/click house", "other")
    assert Address.parse("chdb:///data").database == "rollguard"
    server = Address.parse("https://me:p%40ss@host/prod")
    assert (server.host, server.port, server.password, server.database) == ("host", 8443, "p@ss", "prod")
    assert Address.parse("http://host").port == 8123
    assert "p@ss" not in f"{server} {server!r}"


@pytest.mark.parametrize(
    "url", ["", "clickhouse://host", "chdb://", "chdb://data", "chdb:///", "http://", "http://h/a-b", "http://h/a/b"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"ClickHouse|database"):
        Address.parse(url)


@pytest.mark.parametrize("url", ["tcp://me:secret@host", "http://me:secret/more@host", "http://me:8/secret@host"])
def test_no_part_of_a_password_is_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"ClickHouse|database") as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


_ELSEWHERE = """
import sys
from datetime import datetime, timedelta, timezone
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate
from tests.conftest import MIGRATIONS
from tests.sample_rows import sample

migrate(sys.argv[1], MIGRATIONS)
client = open_clickhouse(sys.argv[1])
inserter = Inserter(client, print)
inserter.add(sample("feedback", 8))
inserter.flush()
moment = datetime(2023, 11, 15, 1, 13, 30, tzinfo=timezone(timedelta(hours=3)))
query = "SELECT count() FROM feedback_latest WHERE ts >= {from:DateTime64(3)} "
for given in (moment, "2023-11-14 22:13:30"):
    print(client.query(query, {"from": given}).result_rows)
query = "SELECT min(ts), toString(min(ts)), toString(toDateTime('2023-11-14 22:13:20')) FROM feedback"
print(client.query(query).first_row)
client.close()
"""


def test_the_zone_of_the_host_bends_no_time(tmp_path: Path) -> None:
    """In a process of its own, because the engine takes its zone from the environment once."""
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, f"chdb://{tmp_path}/clickhouse"],
        env={**os.environ, "TZ": "America/New_York"},
        cwd=MIGRATIONS.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    start = datetime(2023, 11, 14, 22, 13, 20)  # noqa: DTZ001  # The driver gives UTC without a zone.
    text = "2023-11-14 22:13:20"
    assert done.stdout.splitlines() == ["[(3,)]", "[(3,)]", str((start, f"{text}.000", text))]


def test_times_come_back_as_utc(embedded_clickhouse: Embedded) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=-5)))
    read = embedded_clickhouse.client.query("SELECT {at:DateTime64(3)}", {"at": moment}).result_rows
    assert [row[0].replace(tzinfo=UTC) for row in read] == [moment]
