"""Control events as messages of their Kafka topic, keyed by model, so that those of one model keep their order.

After a crash an event may come again: its id says that it is the same.
"""

from collections.abc import Callable

from operators.connectors.kafka_producer import KafkaMessage
from operators.control import ControlEvent
from operators.sealing import Key, seal


def to_control(topic: str, key: Key | None = None) -> Callable[[ControlEvent], list[KafkaMessage]]:
    """Return what makes messages of control events, signed if there is a key."""

    def encode(event: ControlEvent) -> list[KafkaMessage]:
        return [KafkaMessage(topic, event.model.encode(), seal(event, key))]

    return encode
