"""How a worker opens a partition of a topic: at its last position, or where the command line says to begin."""

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
    """Return a function that opens a partition at a position, None: at `start`; `header` names its messages' header."""
    topic, number = place

    def open_at(position: int | None) -> Reader:
        return KafkaReader(config, topic, number, start if position is None else position, header)

    return open_at


def left_out_inputs(logs: Mapping[str, str], pseudonyms: Pseudonyms = Pseudonyms()) -> list[Input]:  # noqa: B008
    """Return the partitions in `logs` (log ids by name), of topics no longer read, as inputs that have ended.

    The engine needs every partition with saved state, and that state says where to continue if the topic returns.
    """
    return [
        Input(name=name, stream="events", open=LeftOutReader, pseudonyms=pseudonyms, log_id=log_id)
        for name, log_id in logs.items()
    ]
