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
        for share, seconds in ((8, -20), (2, -620)):
            worker.wait_for_items(PARTITIONS * EVENTS // share)
            clock.step(seconds)
            before = worker.metrics("clock_steps_total").get("", 0)
            worker.wait(lambda before=before: worker.metrics("clock_steps_total").get("", 0) > before, 15)  # type: ignore[misc]
        finish(worker)
    assert written(environment) == wanted
