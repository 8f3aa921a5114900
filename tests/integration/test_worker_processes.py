"""One process, two, and one again, with kills between: the rows are those of a replay, byte by byte.

The tables lie behind HTTP, because several processes cannot share one embedded store.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import with_tables
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.ports import free_ports
from tests.integration.test_worker import EVENTS, environment, finish, logs, policy, wanted, written
from tests.integration.working import WAIT_S, Worker, working

__all__ = ["environment", "logs", "policy", "wanted"]  # Fixtures of the one worker serve here too.


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    with_tables(tmp_path / "bridge")
    made = Bridge(tmp_path / "bridge" / "clickhouse")
    made.start()
    try:
        yield made
    finally:
        made.stop()


def cluster(stack: ExitStack, folder: Path, environment: dict[str, str]) -> list[Worker]:
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    return [
        stack.enter_context(working(folder, environment, "-i", str(number), "-a", addresses)) for number in range(2)
    ]


def items(workers: list[Worker]) -> float:
    return sum(sum(worker.metrics("items_total").values()) for worker in workers)


def test_other_numbers_of_processes_do_not_show(
    environment: dict[str, str],
    wanted: dict[str, Any],
    bridge: Bridge,
    tmp_path: Path,
) -> None:
    place = environment | {"ROLLGUARD_CLICKHOUSE": bridge.url("rollguard")}
    with working(tmp_path, place) as worker:
        worker.wait_for_items(EVENTS // 4)
        worker.kill()
    with ExitStack() as stack:
        first, second = cluster(stack, tmp_path, place)
        first.wait(lambda: items([first, second]) >= EVENTS // 4)
        second.kill()
        # The engine takes a cluster down when one process is gone; a supervisor starts all of them again.
        assert first.process.wait(WAIT_S) == 1
        assert "rollguard: another process of the cluster is gone" in first.log.read_text()
    with ExitStack() as stack:
        workers = cluster(stack, tmp_path, place)
        workers[0].wait(lambda: all(worker.ready() and items([worker]) > 0 for worker in workers))
        for worker in workers:
            worker.terminate()
        assert [worker.process.wait(WAIT_S) for worker in workers] == [0, 0]
    with working(tmp_path, place) as worker:
        finish(worker)
    found = written(place)
    assert {table: len(rows) for table, rows in found.items()} == {table: len(rows) for table, rows in wanted.items()}
    assert found == wanted
