"""A log that lost messages which were read, and got others at their offsets, is told from one that did not.

Topics keep their id through all of it, so that the leader epoch alone can tell.
"""

import shutil
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.cimpl import NewTopic

from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import LogCutOff
from operators.connectors.kafka.reader import KafkaReader
from tests.integration.kafka_broker import TestBroker
from tests.integration.reading import WAIT_S_MAX, opened, positions_of, read_all
from tests.integration.test_kafka_reader import produce

pytestmark = pytest.mark.integration

Place = tuple[int, int | None]  # Where a reader was: its position and leader epoch.


def _folder(broker: TestBroker, topic: str) -> Path:
    (folder,) = broker.log.parent.rglob(f"{topic}-0")
    return folder


def _empty(folder: Path) -> None:
    """Make of a log a new one, but for the id of its topic."""
    for path in folder.iterdir():
        if path.name != "partition.metadata":
            path.unlink()


def _write(config: KafkaConfig, topic: str, count: int) -> None:
    produce(config, topic, [b"%d" % number for number in range(count)])


def _read(config: KafkaConfig, topic: str) -> Place:
    with opened(config, topic) as reader:
        read_all(reader)
        return reader.position, reader.leader_epoch


class World:
    """A broker that was restarted twice, where messages of some topics were lost; `places` as they had been read."""

    def __init__(self, broker: TestBroker) -> None:
        self.config = KafkaConfig(bootstrap_servers=broker.address)
        topics = ("kept", "emptied", "older", "expired", "marked")
        broker.create([NewTopic(name, num_partitions=1, replication_factor=1) for name in topics])
        for name in ("kept", "emptied", "expired"):
            _write(self.config, name, 100)
        _write(self.config, "older", 60)
        self._write_transaction("marked")
        self.places = {name: _read(self.config, name) for name in ("kept", "emptied", "expired", "marked")}
        broker.stop()
        shutil.copytree(_folder(broker, "older"), broker.log.parent / "copy")
        broker.start()
        _write(self.config, "older", 40)
        self.places["older"] = _read(self.config, "older")
        admin = broker.admin()  # Answers come only while it lives.
        for future in admin.delete_records([TopicPartition("expired", 0, 100)]).values():
            future.result(WAIT_S_MAX)
        broker.stop()
        _empty(_folder(broker, "emptied"))
        shutil.rmtree(_folder(broker, "older"))
        (broker.log.parent / "copy").rename(broker.log.parent / "logs" / "older-0")
        broker.start()
        for name, count in (("kept", 50), ("emptied", 150), ("older", 90), ("expired", 50), ("marked", 50)):
            _write(self.config, name, count)

    def _write_transaction(self, topic: str) -> None:
        producer = Producer({"bootstrap.servers": self.config.bootstrap_servers, "transactional.id": topic})
        producer.init_transactions(WAIT_S_MAX)
        producer.begin_transaction()
        for number in range(3):
            producer.produce(topic, b"%d" % number)
        producer.commit_transaction(WAIT_S_MAX)

    def resumed(self, topic: str) -> KafkaReader:
        """A reader that goes on where one was, as after a restart of the worker."""
        position, epoch = self.places[topic]
        reader = KafkaReader(self.config, topic, 0, position)
        if epoch is not None:
            reader.expect(epoch)
        return reader


@pytest.fixture(scope="module")
def world(kafka: TestBroker) -> World:
    return World(kafka)


@pytest.mark.parametrize("topic", ["emptied", "older"])
def test_a_log_that_lost_what_was_read_is_not_read_on(world: World, topic: str) -> None:
    """By its offsets alone it looks well: there are messages before and behind the position."""
    position, epoch = world.places[topic]
    assert (position, epoch is not None) == (100, True)
    reader = world.resumed(topic)
    try:
        with pytest.raises(LogCutOff, match=f"{topic}/0 has lost messages before offset 100, up to which it was read"):
            read_all(reader)
        assert reader.position == position
    finally:
        reader.close()


@pytest.mark.parametrize("topic", ["emptied", "older"])
def test_without_the_epoch_nobody_would_know(world: World, topic: str) -> None:
    with opened(world.config, topic, 100) as reader:
        assert positions_of(read_all(reader)) == [*range(100, 150)]


@pytest.mark.parametrize(("topic", "first"), [("kept", 100), ("expired", 100), ("marked", 4)])
def test_other_leaders_are_no_alarm(world: World, topic: str, first: int) -> None:
    """Nor is that all of their time has expired, nor marks of transactions."""
    reader = world.resumed(topic)
    try:
        assert positions_of(read_all(reader)) == [*range(first, first + 50)]
        _, before = world.places[topic]
        now = reader.leader_epoch
        assert now is not None
        assert before is None or before < now
    finally:
        reader.close()


def test_a_position_behind_marks_has_no_epoch(world: World) -> None:
    """It would be that of the last message, and a later leader may have written them."""
    assert world.places["marked"] == (4, None)


def test_a_reader_that_asks_again_asks_for_its_epoch_as_well(world: World) -> None:
    reader = world.resumed("kept")
    try:
        read_all(reader)
        reader.recheck()
        assert not reader.at_end
        assert read_all(reader) == []
        assert reader.at_end
    finally:
        reader.close()
