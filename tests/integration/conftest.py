"""The Kafka broker of the integration tests: one for the whole session, and topics of each test's own."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka.cimpl import NewTopic

from operators.connectors.kafka.config import KafkaConfig
from tests.integration.kafka_broker import TestBroker, running

MakeTopic = Callable[..., str]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    with running(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kept() -> dict[str, Any]:
    """What fixtures of several files need, and takes long to make."""
    return {}


@pytest.fixture
def kafka_config(kafka: TestBroker) -> KafkaConfig:
    return KafkaConfig(bootstrap_servers=kafka.address)


@pytest.fixture
def make_topic(kafka: TestBroker) -> MakeTopic:
    """Makes an empty topic with a name of its own: `make_topic(partitions, **{"message.timestamp.type": ...})`."""

    def make(partitions: int = 1, **config: str) -> str:
        name = f"test-{uuid.uuid4().hex[:8]}"
        kafka.create([NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)])
        return name

    return make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded: the faults that they went through, and figures."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name in {"faults", "figures"} and report.when == "call":
                terminalreporter.write_line(f"{name}: {value}")
