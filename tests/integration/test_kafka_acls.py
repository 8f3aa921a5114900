"""`infra/kafka/acls.sh` on a real broker: each role can do its work, and nothing that another's is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer

from operators.connectors.control.command_topic import send_to_topic
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import KafkaFailure
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import PASSWORD, ROLES, TestBroker
from tests.integration.reading import opened, read_all, values_of
from tests.integration.working import working

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "infra" / "kafka" / "acls.sh"
STREAMS = ("events", "feedback", "raw_feedback", "commands", "control", "deadletter")
# Role: the topics that it may write, and those that it may read.
RIGHTS = {
    "producer": ({"events", "feedback", "raw_feedback"}, set[str]()),
    "enricher": ({"feedback", "deadletter"}, {"raw_feedback"}),
    "worker": ({"control", "deadletter"}, {"events", "feedback", "commands"}),
    "gateway": (set[str](), {"control"}),
    "operator": ({"commands"}, {"control"}),
    "stranger": (set[str](), set[str]()),
}


def login(kafka: TestBroker, role: str) -> KafkaConfig:
    settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": role}
    return KafkaConfig(bootstrap_servers=kafka.guarded, settings=settings | {"sasl.password": PASSWORD})


@pytest.fixture
def topics(kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path) -> dict[str, str]:
    """Topics on which the script has given the roles their rights, and that hold a message each."""
    names = {stream: make_topic() for stream in STREAMS}
    tool = tmp_path / "kafka-acls.sh"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.integration.kafka_acls "$@"\n')
    tool.chmod(0o755)
    place = {f"ROLLGUARD_{stream.upper()}_TOPIC": name for stream, name in names.items()}
    roles = {
        "PRODUCERS": "User:producer;User:another",
        "WORKER": "User:worker",
        "ENRICHER": "User:enricher",
        "GATEWAYS": "User:gateway",
        "OPERATORS": "User:operator",
    }
    subprocess.run(
        [SCRIPT, "--bootstrap-server", kafka.address],
        env=os.environ | place | roles | {"KAFKA_ACLS": str(tool)},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in names.values():
        send_to_topic(kafka_config, name, None, b"{}")
    return names


def allowed(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except KafkaFailure:
        return False
    return True


def may_write(config: KafkaConfig, topic: str) -> bool:
    """By a client that asks nothing first."""
    faults: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": config.bootstrap_servers, "log_level": 0, **config.settings})
    producer.produce(topic, b"{}", on_delivery=lambda error, _: faults.append(error))
    producer.flush(20)
    (fault,) = faults
    assert fault is None or fault.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._UNKNOWN_TOPIC), fault
    return fault is None


def may_read(config: KafkaConfig, topic: str) -> bool:
    def read() -> None:
        with opened(config, topic) as reader:
            assert values_of(read_all(reader))[:1] == [b"{}"]

    return allowed(read)


def test_each_role_may_do_its_work_and_no_other(kafka: TestBroker, topics: dict[str, str]) -> None:
    assert set(RIGHTS) == set(ROLES)
    for role, (writes, reads) in RIGHTS.items():
        config = login(kafka, role)
        assert {stream for stream in STREAMS if may_write(config, topics[stream])} == writes, role
        assert {stream for stream in STREAMS if may_read(config, topics[stream])} == reads, role


def test_the_worker_runs_with_the_rights_of_the_worker(
    kafka: TestBroker, topics: dict[str, str], tmp_path: Path
) -> None:
    environment = {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka.guarded,
        "ROLLGUARD_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "ROLLGUARD_KAFKA__SASL_MECHANISM": "PLAIN",
        "ROLLGUARD_KAFKA__SASL_USERNAME": "worker",
        "ROLLGUARD_KAFKA__SASL_PASSWORD": PASSWORD,
        "ROLLGUARD_KAFKA_PUBLISH_OFFSETS": "true",
        "ROLLGUARD_CLICKHOUSE": f"chdb://{tmp_path}/clickhouse",
        **{f"ROLLGUARD_{stream.upper()}_TOPIC": name for stream, name in topics.items()},
    }
    with working(tmp_path, environment) as worker:
        worker.drain(3)
        assert sum(worker.metrics("rejects_total").values()) == 3  # The empty object is no item of any.
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    with opened(KafkaConfig(bootstrap_servers=kafka.address), topics["deadletter"]) as reader:
        assert len(values_of(read_all(reader))) == 1 + 3


def test_without_arguments_it_says_what_it_needs() -> None:
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--bootstrap-server" in done.stderr
