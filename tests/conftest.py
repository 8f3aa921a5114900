"""What tests of several folders share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from xdist.remote import Producer

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.migrations import migrate
from tests.parallel import Scheduler, order

MIGRATIONS = Path(__file__).parents[1] / "infra" / "clickhouse"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        order(items)


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    client: Client


@contextmanager
def migrated(folder: Path) -> Iterator[Embedded]:
    """The embedded engine with all tables, closed afterwards, because a process can have one folder open at a time."""
    url = f"chdb://{folder}/clickhouse"
    migrate(url, MIGRATIONS)
    client = open_clickhouse(url)
    try:
        yield Embedded(url=url, client=client)
    finally:
        client.close()


@pytest.fixture
def embedded_clickhouse(tmp_path: Path) -> Iterator[Embedded]:
    with migrated(tmp_path) as embedded:
        yield embedded
