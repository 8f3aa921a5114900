"""How a worker opens a partition of a topic: where it was, or where the command line says to begin."""

from collections.abc import Callable

from flows.options import Start
from operators.connectors.kafka.client import Partition
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.reader import KafkaReader
from operators.connectors.reader import Reader


def opener(
    config: KafkaConfig, place: Partition, start: Start, header: str | None = None
) -> Callable[[int | None], Reader]:
    """Return what opens a partition at a position, at `start` for None; `header` is that which its messages carry."""
    topic, number = place

    def open_at(position: int | None) -> Reader:
        return KafkaReader(config, topic, number, start if position is None else position, header)

    return open_at
