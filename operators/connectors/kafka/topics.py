"""Topics as the brokers describe them: whether they answer, which topics are missing, which were created anew."""

from collections.abc import Sequence

import msgspec
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from operators.connectors.kafka.client import Complaints, open_kafka
from operators.connectors.kafka.config import KafkaConfig, client_settings

ANSWER_S = 5.0


class Described(msgspec.Struct, frozen=True):
    """`ids` of the existing topics, '' where a broker has none; `missing` are the others.

    `leaderless` partitions cannot be read at the moment.
    """

    ids: dict[str, str]
    missing: list[str]
    leaderless: list[str]


class Describer:
    """Asks about some topics, with one client; never by name for a missing one, as that may create it."""

    def __init__(self, config: KafkaConfig, topics: Sequence[str]) -> None:
        self._topics = list(dict.fromkeys(topics))
        self._admin = open_kafka(AdminClient, client_settings(config), Complaints(config.bootstrap_servers))

    def describe(self, timeout_s: float = ANSWER_S) -> Described | None:
        """Return what is known, or None when no broker answers in time. Blocks."""
        try:
            listed = self._admin.list_topics(timeout=timeout_s).topics
            there = [name for name in self._topics if name in listed and listed[name].error is None]
            futures = {}
            if there:
                futures = self._admin.describe_topics(TopicCollection(there), request_timeout=timeout_s)
            found = {name: future.result(timeout_s + 1.0) for name, future in futures.items()}
        except (KafkaException, TimeoutError):
            return None
        return Described(
            ids={name: str(topic.topic_id) for name, topic in found.items()},
            missing=[name for name in self._topics if name not in there],
            leaderless=[
                f"{name}/{each.id}"
                for name, topic in found.items()
                for each in topic.partitions
                if each.leader is None or each.leader.id < 0
            ],
        )
