"""What tests in several folders share."""

import atexit
import gc
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import settings
from xdist.remote import Producer

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.migrations import migrate
from tests.parallel import Scheduler, order

MIGRATIONS = Path(__file__).parents[1] / "infra" / "clickhouse"

# Two sizes of the same laws: `tests`, the same examples in every run, and `prove`, many more, by ROLLGUARD_PROVE=1.
settings.register_profile("tests", derandomize=True, deadline=None, max_examples=40, database=None)
settings.register_profile("prove", derandomize=True, deadline=None, max_examples=1_000, database=None)
settings.load_profile("prove" if os.environ.get("ROLLGUARD_PROVE") == "1" else "tests")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduler:
    return Scheduler(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        order(items)


def pytest_collection_finish() -> None:
    """Freeze what was imported and collected: it lives to the end, and scanning it for garbage costs a tenth."""
    gc.collect()
    gc.freeze()


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    client: Client


@cache
def _migrated_once() -> Path:
    """A store with all tables and no rows, made once in each process: migrating takes six times as long as copying."""
    folder = Path(mkdtemp(prefix="rollguard-tables-"))
    atexit.register(shutil.rmtree, folder)
    migrate(f"chdb://{folder}/clickhouse", MIGRATIONS)
    return folder


def with_tables(folder: Path) -> str:
    """Put an embedded store with all tables and no rows into a folder without one; return its address.

    Not while this process has another store open.
    """
    shutil.copytree(_migrated_once() / "clickhouse", folder / "clickhouse", symlinks=True)
    return f"chdb://{folder}/clickhouse"


@contextmanager
def migrated(folder: Path) -> Iterator[Embedded]:
    """The embedded engine with all tables, closed afterwards, because a process can have one folder open at a time."""
    url = with_tables(folder)
    client = open_clickhouse(url)
    try:
        yield Embedded(url=url, client=client)
    finally:
        client.close()


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a store with all tables and no rows, for the tests of a file that only read."""
    with migrated(tmp_path_factory.mktemp("empty")) as embedded:
        yield embedded.url


@pytest.fixture
def embedded_clickhouse(tmp_path: Path) -> Iterator[Embedded]:
    with migrated(tmp_path) as embedded:
        yield embedded
