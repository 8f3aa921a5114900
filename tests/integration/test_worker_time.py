"""Time goes wrong around the worker: the wall clock steps back, the process is stopped. It goes on, and is exact."""

from pathlib import Path
from typing import Any

from tests.integration.stepped_clock import SteppedClock
from tests.integration.test_worker import EVENTS, PARTITIONS, environment, finish, logs, policy, wanted, written
from tests.integration.working import working

__all__ = ["environment", "logs", "policy", "wanted"]  # Fixtures.


def test_a_wall_clock_that_steps_back_does_not_show(
    environment: dict[str, str], wanted: dict[str, Any], tmp_path: Path
) -> None:
    clock = SteppedClock(tmp_path)
    with working(tmp_path, environment | clock.environment) as worker:
        worker.wait_for_items(PARTITIONS * EVENTS // 8)
        for begun, seconds in enumerate((-20, -620), 2):
            clock.step(seconds)
            worker.wait(lambda begun=begun: worker.log.read_text().count("worker begins") == begun)  # type: ignore[misc]
        worker.wait(lambda: worker.metrics("clock_steps_total") == {"": 2.0})
        finish(worker)
    found = written(environment)
    for table, rows in wanted.items():
        assert len(found[table]) == len(rows), table
        assert found[table] == rows, table
