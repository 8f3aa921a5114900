"""How the processes of `pytest -n` share the tests: each file is run by one of them, and all that need Kafka by one.

So the fixtures of a file are made once, a run has one broker, and no test meets a broker that another one has killed.
"""

import pytest

BROKER = "kafka"
GROUP = "xdist_group"


def share(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and put those with Kafka, which take longest, first."""
    with_broker = {item.path for item in items if BROKER in getattr(item, "fixturenames", ())}
    for item in items:
        if item.get_closest_marker(GROUP) is None:
            item.add_marker(pytest.mark.xdist_group(BROKER if item.path in with_broker else _of(item)))
    items.sort(key=lambda item: item.path not in with_broker)


def _of(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).with_suffix("").as_posix()
