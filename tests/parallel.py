"""How the processes of `pytest -n` share the tests: each file is run by one of them, and those with Kafka by two.

So the fixtures of a file are made once, a run has two brokers at most, and no test meets a broker that a test of
another process has killed.
"""

from itertools import cycle

import pytest

BROKER = "kafka"
GROUPS = ("kafka-1", "kafka-2")  # Their tests wait half of the time, and take half of the time of all tests.


def share(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and put those with Kafka, which take longest, first."""
    with_broker = {item.path for item in items if BROKER in getattr(item, "fixturenames", ())}
    groups = dict(zip(sorted(with_broker), cycle(GROUPS), strict=False))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(groups.get(item.path) or _of(item)))
    items.sort(key=lambda item: item.path not in with_broker)


def _of(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).with_suffix("").as_posix()
