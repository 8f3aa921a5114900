"""Sends commands to their Kafka topic."""

from operators.connectors.kafka.client import partitions_of
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer

DEADLINE_S = 15.0  # For storing a command: a person waits for it.


def send_to_topic(config: KafkaConfig, topic: str, model: str | None, body: bytes) -> None:
    """Store a command in a topic; its model is the key, so that commands of one model keep their order. KafkaFailure.

    UnknownTopic at once, where the producer would wait for the topic to be created.
    """
    partitions_of(config, [topic])
    producer = KafkaProducer(config, DEADLINE_S)
    try:
        producer.send(KafkaMessage(topic, None if model is None else model.encode(), body))
        producer.flush()
    finally:
        producer.close()
