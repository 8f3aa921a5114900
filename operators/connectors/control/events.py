"""Control events as messages of their Kafka topic, keyed by model, so that those of one model keep their order.

After a crash an event may come again, with the same id. Its writer is named in a header, so that its bytes are the same
in a replay.
"""

from collections.abc import Callable

from operators.connectors.control.header import WRITER
from operators.connectors.kafka.producer import KafkaMessage
from operators.wire.control import ControlEvent
from operators.wire.sealing import SealingKey, seal


def to_control(
    topic: str, key: SealingKey | None = None, writer: str = ""
) -> Callable[[ControlEvent], list[KafkaMessage]]:
    """Return the maker of control event messages, signed if there is a key, with the id of the writing worker."""
    headers = ((WRITER, writer.encode()),) if writer else ()

    def encode(event: ControlEvent) -> list[KafkaMessage]:
        return [KafkaMessage(topic, event.model.encode(), seal(event, key), headers=headers)]

    return encode
