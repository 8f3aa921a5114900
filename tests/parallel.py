"""How the processes of `pytest -n` share the tests: one process runs a file, and at most two run files with Kafka.

So the fixtures of a file are made once, a run has two brokers at most, and no test meets a broker that a test of
another process has killed. (The mark `xdist_group` would say the same, but has no effect with pytest 9.2.)
"""

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]
# The groups with Kafka wait half of the time, and take longest: they come first, beside tests that compute.
WORKER, KAFKA = "worker", "kafka"


@cache
def group_of(path: str) -> str:
    """The group of a file, which one process runs: the file alone, unless it seems to need a broker."""
    if not path.startswith("tests/integration/"):
        return path
    text = (ROOT / path).read_text()
    if "test_worker" in path or re.search(r"\bimport.*\bworking$|\.test_worker import", text, flags=re.MULTILINE):
        return WORKER
    return KAFKA if "kafka" in text else path


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # The library has no types.
    """Hands out groups in the order of their first tests."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(_path(nodeid))


def order(items: list[pytest.Item]) -> None:
    """Put the groups with Kafka first."""
    items.sort(key=lambda item: group_of(_path(item.nodeid)) not in {WORKER, KAFKA})


def _path(nodeid: str) -> str:
    return nodeid.partition("::")[0]
