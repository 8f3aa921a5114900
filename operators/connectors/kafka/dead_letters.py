"""Dead letters as messages of their Kafka topic, keyed by source, so that those of one partition keep their order.

After a crash a letter may come again, with the same (source, position, item).
"""

from collections.abc import Callable, Sequence
from typing import cast

from operators.connectors.kafka.producer import KafkaMessage
from operators.rows.items import letters_of
from operators.store.rows import Rows


def to_topic(topic: str) -> Callable[[Rows], list[KafkaMessage]]:
    """Return a function that makes messages of rows of table dead_letter."""

    def encode(rows: Rows) -> list[KafkaMessage]:
        sources = cast(Sequence[str], rows.columns["source"])
        return [
            KafkaMessage(topic, source.encode(), letter)
            for source, letter in zip(sources, letters_of(rows), strict=True)
        ]

    return encode
