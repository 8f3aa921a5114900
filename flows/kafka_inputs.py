"""How a worker opens a partition of a topic: where it was, or where the command line says to begin."""

from collections.abc import Callable, Mapping

from flows.options import Start
from operators.connectors.kafka.client import Partition
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.reader import KafkaReader
from operators.connectors.left_out import LeftOutReader
from operators.connectors.reader import Reader
from operators.pseudonyms import Pseudonyms
from operators.sources.input import Input


def opener(
    config: KafkaConfig, place: Partition, start: Start, header: str | None = None
) -> Callable[[int | None], Reader]:
    """Return what opens a partition at a position, at `start` for None; `header` is that which its messages carry."""
    topic, number = place

    def open_at(position: int | None) -> Reader:
        return KafkaReader(config, topic, number, start if position is None else position, header)

    return open_at


def left_out_inputs(logs: Mapping[str, str], pseudonyms: Pseudonyms = Pseudonyms()) -> list[Input]:  # noqa: B008
    """Return partitions of topics that were read before, with the ids of their logs, as inputs that have ended.

    The engine wants all that something is saved of, and what is saved says where to go on once a topic is read again.
    """
    return [
        Input(name=name, stream="events", open=LeftOutReader, pseudonyms=pseudonyms, log_id=log_id)
        for name, log_id in logs.items()
    ]
