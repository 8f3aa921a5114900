"""Kafka's topics from outside: opening clients, finding partitions, and publishing our position for lag tools."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from operators.connectors.kafka.config import KafkaConfig, client_settings
from operators.connectors.kafka.errors import (
    LOST,
    REFUSALS,
    UNKNOWN,
    KafkaFailure,
    Refused,
    SeveralPartitions,
    UnknownTopic,
    Unreachable,
    WrongSetting,
)
from operators.connectors.kafka.log import LOG

TIMEOUT_S = 10.0  # For an answer when a worker starts; connecting takes most of it.
PUBLISH_TIMEOUT_S = 5.0

Partition = tuple[str, int]  # Topic and number.
Client = TypeVar("Client")


class Complaints:
    """Keeps the errors that a client reported, as a missing answer does not say why it is missing."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self.last: KafkaError | None = None
        self.refusal: Refused | None = None
        self.unknown = False  # A topic or partition that the client works with does not exist.
        self.lost = False  # A connection was lost; whoever handles that resets it.

    def note(self, error: KafkaError) -> None:
        """Librdkafka calls this from within poll, consume and flush."""
        if error.code() in REFUSALS:
            self.refusal = self.refusal or Refused(self._servers, error.str())
        self.unknown = self.unknown or error.code() in UNKNOWN
        self.lost = self.lost or error.code() in LOST
        # "All brokers down" follows each single error; why the single one is down is what helps.
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.last = error

    def explain(self, error: KafkaError) -> KafkaFailure:
        """Return the failure that explains a missing answer."""
        return self.refusal or Unreachable(self._servers, (self.last or error).str())


def open_kafka(kind: Callable[..., Client], settings: Mapping[str, str | int | bool], complaints: Complaints) -> Client:
    """Return a client of librdkafka; WrongSetting if it refuses its settings."""
    try:
        return kind({**settings, "error_cb": complaints.note}, logger=LOG)
    except KafkaException as error:
        raise WrongSetting(error.args[0].str()) from error


def partitions_of(config: KafkaConfig, topics: Sequence[str], timeout_s: float = TIMEOUT_S) -> list[Partition]:
    """Return all partitions of some topics, in order; Unreachable, Refused or UnknownTopic."""
    there = _topics(config, timeout_s)
    found = []
    for topic in topics:
        if not there.get(topic):
            raise UnknownTopic(topic, config.bootstrap_servers)
        found += [(topic, number) for number in there[topic]]
    return found


def check_one(topic: str, partitions: Sequence[Partition]) -> None:
    """SeveralPartitions if a topic has more than one of these."""
    count = sum(name == topic for name, _ in partitions)
    if count > 1:
        raise SeveralPartitions(topic, count)


def _topics(config: KafkaConfig, timeout_s: float) -> dict[str, list[int]]:
    """Return the partitions of every topic. A connection that breaks ends a wait at once, so ask again."""
    complaints = Complaints(config.bootstrap_servers)
    admin = open_kafka(AdminClient, client_settings(config), complaints)
    deadline = time.monotonic() + timeout_s
    wait = 1.0
    while True:
        try:
            # For all topics: asking for one by name creates it, where brokers are set up that way.
            there = admin.list_topics(timeout=min(wait, max(0.1, deadline - time.monotonic()))).topics
            return {name: sorted(topic.partitions) for name, topic in there.items()}
        except KafkaException as error:
            admin.poll(0.1)  # Delivers the client's errors to `Complaints`.
            if complaints.refusal is not None or time.monotonic() >= deadline:
                raise complaints.explain(error.args[0]) from error
        wait *= 2


def new_partitions(config: KafkaConfig, topics: Sequence[str], known: Sequence[Partition]) -> list[Partition]:
    """Return the partitions that were added to some topics; they are read only after a restart.

    Empty when no broker answers quickly: to be called once in a while, for a line in the log.
    """
    try:
        return sorted(set(partitions_of(config, topics, timeout_s=1.0)) - set(known))
    except KafkaFailure:
        # The readers of known partitions meet the same trouble, and know whether it matters.
        return []


class OffsetPublisher:
    """Tells the brokers how far the worker is, under `config.group`, for tools that show the lag of consumer groups.

    Nobody else reads it: the recovery store says where to go on. So it never waits, and a failure is a line in the log.
    """

    def __init__(self, config: KafkaConfig, timeout_s: float = PUBLISH_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._group = config.group
        self._admin = open_kafka(AdminClient, client_settings(config), Complaints(config.bootstrap_servers))
        self._under_way: Future[ConsumerGroupTopicPartitions] | None = None

    def publish(self, offsets: Mapping[Partition, int]) -> None:
        """Send the next offsets to be read, after the epoch was committed; not while the last ones are under way."""
        if not offsets or (self._under_way is not None and not self._under_way.done()):
            return
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        wanted = ConsumerGroupTopicPartitions(self._group, places)
        try:
            futures = self._admin.alter_consumer_group_offsets([wanted], request_timeout=self._timeout_s)
            self._under_way = futures[self._group]
            self._under_way.add_done_callback(self._done)
        except Exception as error:  # A convenience must not stop the worker, whatever the error.
            self._complain(error)

    def _done(self, future: "Future[ConsumerGroupTopicPartitions]") -> None:
        error: object = future.exception()
        if error is None:
            error = next((place.error for place in future.result().topic_partitions or () if place.error), None)
        if error is not None:
            self._complain(error)

    def _complain(self, error: object) -> None:
        LOG.log(logging.WARNING, "%s: offsets of group %s not published: %s", "OFFSETS", self._group, error)
