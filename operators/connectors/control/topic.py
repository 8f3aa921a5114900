"""Control events on Kafka, followed from outside of rollguard. It imports only the Kafka client and NumPy.

A follower reads on from positions that its user keeps. So after a crash the last messages come again; a control event
then has the same id.
"""

import logging
from collections.abc import Mapping

from operators.connectors.control.follower import From, WrittenEvent
from operators.connectors.control.header import WRITER, WRITER_MAX
from operators.connectors.kafka.client import partitions_of
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import OffsetGone
from operators.connectors.kafka.reader import KafkaReader


class TopicFollower:
    """Reads all partitions of a topic: each from where `positions` say, else from `start`. KafkaFailure.

    Brokers that go away and come back are waited for. Messages deleted before they were read are skipped, with a line
    in the log: the pins are in what is left.
    """

    def __init__(
        self, config: KafkaConfig, topic: str, start: From, positions: Mapping[str, int] | None = None
    ) -> None:
        self._config = config
        self._topic = topic
        known = positions or {}
        self._readers: dict[int, KafkaReader] = {}
        try:
            for _, number in partitions_of(config, [topic]):
                at = known.get(f"{topic}/{number}", start)
                self._readers[number] = KafkaReader(config, topic, number, at, header=WRITER)
        except BaseException:
            self.close()
            raise

    @property
    def at_end(self) -> bool:
        return all(reader.at_end for reader in self._readers.values())

    @property
    def positions(self) -> dict[str, int]:
        return {f"{self._topic}/{number}": reader.position for number, reader in self._readers.items()}

    def read(self) -> list[WrittenEvent]:
        written = []
        for number in self._readers:
            written += self._read(number)
        return written

    def _read(self, number: int) -> list[WrittenEvent]:
        try:
            messages = self._readers[number].read()
        except OffsetGone as error:
            logging.getLogger("rollguard").warning("%s; going on with the first message that is there", error)
            self._readers[number].close()
            self._readers[number] = KafkaReader(self._config, self._topic, number, "beginning", header=WRITER)
            return []
        source = f"{self._topic}/{number}"
        return [
            WrittenEvent(source, at + 1, body, _text(key), _text(writer[:WRITER_MAX]))
            for at, body, (key, writer) in zip(messages.positions, messages.values, messages.beside, strict=True)
            if body
        ]

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
