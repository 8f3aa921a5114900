"""Dead letters into their Kafka topic: keyed by source, so that the letters of one partition keep their order."""

from collections.abc import Sequence

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.connectors.kafka_config import KafkaConfig
from operators.connectors.kafka_producer import KafkaMessage, KafkaProducer
from operators.ingest.item_rows import letters_of
from operators.rows import Rows


class DeadLetterTopic(FixedPartitionedSink[Rows, None]):
    """(source, Rows of table dead_letter) in; stored when the epoch closes, or it does not count.

    The parts of one process share a producer.
    After a crash a letter may come again: (source, position, item) says that it is the same.
    """

    def __init__(self, config: KafkaConfig, topic: str, parts: Sequence[str]) -> None:
        self._config = config
        self._topic = topic
        self._parts = list(parts)
        self._producer: KafkaProducer | None = None

    def list_parts(self) -> list[str]:
        return self._parts

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Part":
        if self._producer is None:
            self._producer = KafkaProducer(self._config)
        return _Part(self._producer, self._topic)


class _Part(StatefulSinkPartition[Rows, None]):
    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._pending: list[KafkaMessage] = []

    def write_batch(self, values: list[Rows]) -> None:
        for rows in values:
            sources = rows.columns["source"]
            for source, letter in zip(sources, letters_of(rows), strict=True):  # type: ignore[arg-type]
                self._pending.append(KafkaMessage(self._topic, str(source).encode(), letter))

    def snapshot(self) -> None:
        for message in self._pending:
            self._producer.send(message)
        self._producer.flush()
        self._pending = []

    def close(self) -> None:
        # Never a flush: after a crash these letters' epoch does not count.
        self._producer.close()
