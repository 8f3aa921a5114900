"""Reading a partition to its end, or until something has happened."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.reader import KafkaReader, Start
from operators.ingest.messages import Messages

WAIT_S_MAX = 300.0


@contextmanager
def opened(config: KafkaConfig, topic: str, start: Start = "beginning", partition: int = 0) -> Iterator[KafkaReader]:
    reader = KafkaReader(config, topic, partition, start)
    try:
        yield reader
    finally:
        reader.close()


def read_until(reader: KafkaReader, done: Callable[[list[Messages]], object]) -> list[Messages]:
    """Read until `done`, which is asked after every read with what came so far."""
    deadline = time.monotonic() + WAIT_S_MAX
    batches: list[Messages] = []
    while not done(batches):
        assert time.monotonic() < deadline, f"{count(batches)} messages, position {reader.position}"
        batch = reader.read()
        if len(batch):
            batches.append(batch)
    return batches


def read_all(reader: KafkaReader) -> list[Messages]:
    return read_until(reader, lambda _: reader.at_end)


def count(batches: Sequence[Messages]) -> int:
    return sum(map(len, batches))


def values_of(batches: Sequence[Messages]) -> list[bytes]:
    return list(itertools.chain.from_iterable(batch.values for batch in batches))


def positions_of(batches: Sequence[Messages]) -> list[int]:
    return list(itertools.chain.from_iterable(batch.positions for batch in batches))
