"""What a worker says when what is around it is not as it was: one line, /readyz, and an end where going on is wrong."""

import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from confluent_kafka.cimpl import NewTopic

from operators.connectors.kafka.config import KafkaConfig
from tests.conftest import with_tables
from tests.forked import rollguard
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import TestBroker
from tests.integration.ports import free_ports
from tests.integration.test_worker import START_MS, event, send
from tests.integration.test_worker_processes import bridge
from tests.integration.working import WAIT_S, working

__all__ = ["bridge"]  # A fixture.

READY_S = 3.0


def lines(count: int, first: int = 0) -> list[bytes]:
    random = Random(first)
    return [json.dumps(event(random, START_MS + index * 100, "m")).encode() for index in range(first, first + count)]


@pytest.fixture
def place(kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path) -> dict[str, str]:
    """Two partitions of a few events, and where a worker finds them."""
    names = {name: make_topic() for name in ("FEEDBACK", "COMMANDS", "CONTROL", "DEADLETTER")}
    names["EVENTS"] = make_topic(2)
    send(kafka_config, names["EVENTS"], [lines(50), lines(50)])
    return {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        **{f"ROLLGUARD_{name}_TOPIC": topic for name, topic in names.items()},
        "ROLLGUARD_CLICKHOUSE": with_tables(tmp_path),
        "ROLLGUARD_READY_S": str(READY_S),
        "RUST_BACKTRACE": "0",
    }


def make_again(kafka: TestBroker, topic: str, partitions: int) -> None:
    admin = kafka.admin()
    admin.delete_topics([topic])[topic].result()
    while topic in admin.list_topics(timeout=10).topics:
        pass
    kafka.create([NewTopic(topic, num_partitions=partitions, replication_factor=1)])


def last_line(log: Path) -> str:
    return log.read_text().splitlines()[-1]


@pytest.mark.parametrize("name", ["CONTROL", "DEADLETTER"])
def test_a_topic_to_write_to_that_is_missing_is_named_before_the_worker_is_ready(
    place: dict[str, str], tmp_path: Path, name: str
) -> None:
    with working(tmp_path, place | {f"ROLLGUARD_{name}_TOPIC": "no-such-topic"}) as worker:
        assert worker.process.wait(WAIT_S) == 1
    assert "has no topic no-such-topic" in last_line(worker.log)
    assert "worker begins" not in worker.log.read_text()


def test_a_topic_that_was_made_again_and_filled_is_not_read_on(
    place: dict[str, str], kafka: TestBroker, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    topic = place["ROLLGUARD_EVENTS_TOPIC"]
    with working(tmp_path, place) as worker:
        worker.drain(4)
        assert worker.stop() == 0
    make_again(kafka, topic, 2)
    send(kafka_config, topic, [lines(80), lines(80)])
    with working(tmp_path, place) as worker:
        assert worker.process.wait(WAIT_S) == 1
    assert last_line(worker.log).startswith(f"rollguard: {topic}/0 was deleted and made again")
    assert "--from beginning" in last_line(worker.log)
    make_again(kafka, topic, 1)
    with working(tmp_path, place) as worker:
        assert worker.process.wait(WAIT_S) == 1
    assert last_line(worker.log).startswith(f"rollguard: {topic}/1 was read before and is not there any more")


def test_a_topic_to_write_to_that_vanishes_makes_it_unready_and_one_that_is_made_again_stops_it(
    place: dict[str, str], kafka: TestBroker, tmp_path: Path
) -> None:
    topic = place["ROLLGUARD_CONTROL_TOPIC"]
    with working(tmp_path, place) as worker:
        worker.drain(4)
        worker.wait(worker.ready)
        admin = kafka.admin()
        admin.delete_topics([topic])[topic].result()
        worker.wait(lambda: worker.readiness() == (503, f"Kafka has no topic {topic}\n"))
        kafka.create([NewTopic(topic, num_partitions=1, replication_factor=1)])
        worker.wait(worker.ready)
        make_again(kafka, place["ROLLGUARD_EVENTS_TOPIC"], 2)
        assert worker.process.wait(WAIT_S) == 1
    assert place["ROLLGUARD_EVENTS_TOPIC"] in last_line(worker.log)


def test_brokers_that_are_away_and_come_back_are_seen_in_readyz(
    place: dict[str, str], kafka: TestBroker, tmp_path: Path
) -> None:
    with working(tmp_path, place) as worker:
        worker.drain(4)
        worker.wait(worker.ready)
        pid = kafka.pid()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            worker.wait(lambda: worker.readiness()[1].endswith("since a Kafka broker answered\n"))
            worker.wait(lambda: worker.metrics("ready") == {"": 0.0})
        finally:
            os.kill(pid, signal.SIGCONT)
        worker.wait(worker.ready)
        assert worker.stop() == 0


def test_a_process_whose_peer_is_cut_off_without_a_word_says_so_and_ends(
    place: dict[str, str], tmp_path: Path, bridge: Bridge
) -> None:
    """A peer that is stopped answers as little as one behind a broken network."""
    server = {"ROLLGUARD_CLICKHOUSE": bridge.url("rollguard")}
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                working(tmp_path, place | server | {"ROLLGUARD_STUCK_S": "20"}, "-i", str(number), "-a", addresses)
            )
            for number in range(2)
        )
        first.wait(lambda: first.ready() and second.ready())
        second.process.send_signal(signal.SIGSTOP)
        first.wait(lambda: first.readiness()[1].endswith("since an epoch ended\n"))
        assert first.process.wait(WAIT_S) == 1
    assert "rollguard: frozen: no epoch has ended for" in first.log.read_text()


def test_an_address_in_use_is_named(place: dict[str, str], tmp_path: Path) -> None:
    with working(tmp_path, place) as worker:
        worker.wait(worker.ready)
        with working(tmp_path / "other", place, "--listen", worker.address) as second:
            assert second.process.wait(WAIT_S) == 1
        assert last_line(second.log) == f"rollguard: {worker.address}: Address already in use"


def test_two_workers_on_folders_of_their_own_are_told_of(
    place: dict[str, str], kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    """A refused command is told of by both, to the same model."""
    other = place | {"ROLLGUARD_CLICKHOUSE": with_tables(tmp_path / "other")}
    with working(tmp_path / "one", place) as one, working(tmp_path / "other", other) as two:
        one.wait(lambda: one.ready() and two.ready())
        for number in range(3):
            command = {"type": "obey", "id": f"c{number}", "ts": START_MS + 1_000, "model": "m"}
            send(kafka_config, place["ROLLGUARD_COMMANDS_TOPIC"], [[json.dumps(command).encode()]])
            send(kafka_config, place["ROLLGUARD_EVENTS_TOPIC"], [lines(200, 1_000 * (number + 1))] * 2)
        one.wait(lambda: sum(one.metrics("rival_events_total").values()) > 0)
        two.wait(lambda: sum(two.metrics("rival_events_total").values()) > 0)
        one.wait(one.ready)
        assert "note: another worker" in one.readiness()[1]
        assert (one.stop(), two.stop()) == (0, 0)
    assert "writes of model m to the control topic: stop one of the two" in one.log.read_text()
    told = rollguard("control", "follow", "--until-end", environment=os.environ | place)
    assert told.returncode == 0, told.stderr
    assert "worker" in told.stderr


def test_a_second_worker_on_the_same_embedded_store_is_refused(place: dict[str, str], tmp_path: Path) -> None:
    """Before it reads anything, and not only when it has rows to store."""
    with working(tmp_path / "one", place) as one:
        one.wait(one.ready)
        with working(tmp_path / "two", place) as two:
            assert two.process.wait(WAIT_S) == 1
        assert "another process uses it" in last_line(two.log)
        assert "worker begins" not in two.log.read_text()
