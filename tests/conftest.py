"""What tests of several folders share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse import open_client
from operators.connectors.migrations import migrate
from tests.parallel import share

MIGRATIONS = Path(__file__).parents[1] / "infra" / "clickhouse"


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        share(items)


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    client: Client


@contextmanager
def migrated(folder: Path) -> Iterator[Embedded]:
    """The embedded engine with all tables, closed afterwards, because a process can have one folder open at a time."""
    url = f"chdb://{folder}/clickhouse"
    migrate(url, MIGRATIONS)
    client = open_client(url)
    try:
        yield Embedded(url=url, client=client)
    finally:
        client.close()


@pytest.fixture
def embedded_clickhouse(tmp_path: Path) -> Iterator[Embedded]:
    with migrated(tmp_path) as embedded:
        yield embedded
