"""What it costs to have a partition's messages: of the client alone, and with all that is made of them."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, Message, TopicPartition

from operators.connectors.kafka.config import KafkaConfig, reader_settings
from operators.connectors.kafka.pieces import PIECE
from operators.connectors.kafka.reader import WAIT_S, KafkaReader


def fetched_s(config: KafkaConfig, topic: str, count: int, at_once: int = PIECE) -> float:
    """Return the CPU time [s], of all threads, in which the client fetches `count` messages that nobody looks at."""
    consumer = Consumer(dict(reader_settings(config)))
    consumer.assign([TopicPartition(topic, 0, 0)])

    def fetch() -> int:
        some: list[Message] = consumer.consume(at_once, WAIT_S)
        return len(some) - (bool(some) and some[-1].error() is not None)

    try:
        return _until(count, fetch)
    finally:
        consumer.close()


def read_s(config: KafkaConfig, topic: str, count: int) -> float:
    """Return the CPU time [s] in which our reader hands on as many."""
    reader = KafkaReader(config, topic, 0, "beginning")
    try:
        return _until(count, lambda: len(reader.read()))
    finally:
        reader.close()


def _until(count: int, come: Callable[[], int]) -> float:
    began, left = time.process_time(), count
    while left > 0:
        left -= come()
    return time.process_time() - began
