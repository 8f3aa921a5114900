"""Messages into Kafka: all of them stored when a flush returns, or an exception and nothing sent afterwards.

Idempotent, so that the broker stores what was sent again only once. After a restart the same messages may come
again with new numbers: readers tell them apart by what is in them, such as the id of a control event.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TypeVar

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from operators.connectors.kafka.client import Complaints, open_kafka
from operators.connectors.kafka.config import KafkaConfig, producer_settings
from operators.connectors.kafka.errors import NotDelivered

Item = TypeVar("Item")

# As with ClickHouse: below the time after which a stalled worker is taken for dead.
DEADLINE_S = 60.0
POLL_S = 0.05
POLL_EVERY = 1_000  # Messages; a poll notes those that were stored, and makes room.
ANY_PARTITION = -1  # Chosen by the hash of the key, or at random without a key.


class KafkaMessage(msgspec.Struct, frozen=True):
    """Without a `partition` librdkafka's partitioner chooses: CRC32 of the key, unless set otherwise."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int = ANY_PARTITION
    headers: tuple[tuple[str, bytes], ...] = ()


class KafkaProducer:
    """Takes messages as fast as its memory allows, and each has `deadline_s` to be stored.

    With `gapless` no message of a partition is stored unless all before it are.
    """

    def __init__(self, config: KafkaConfig, deadline_s: float = DEADLINE_S, *, gapless: bool = False) -> None:
        self._servers = config.bootstrap_servers
        self._deadline_s = deadline_s
        self._complaints = Complaints(self._servers)
        self._producer = open_kafka(Producer, producer_settings(config, deadline_s, gapless=gapless), self._complaints)
        self._sent = 0
        self._failed = 0
        self._error: KafkaError | None = None  # The first error.

    def send(self, message: KafkaMessage) -> None:
        """Hand a message over; NotDelivered when there was no room for it until the deadline, or one failed before."""
        deadline = 0.0
        while not self._handed_over(message):
            deadline = deadline or time.monotonic() + self._deadline_s
            self.poll(POLL_S)
            if time.monotonic() > deadline:
                self._give_up(KafkaError(KafkaError._QUEUE_FULL))
        self._sent += 1
        if self._sent % POLL_EVERY == 0:
            self.poll(0)

    def poll(self, wait_s: float) -> None:
        """Note the fate of messages, waiting at most so long. NotDelivered if one failed."""
        self._producer.poll(wait_s)
        if self._error is not None:
            self._give_up(self._error)

    def flush(self) -> None:
        """Return when all messages are stored. NotDelivered if that fails; then nothing more is sent."""
        # librdkafka itself gives up messages at the deadline, so a little later none should be left.
        left = self._producer.flush(self._deadline_s + 1.0)
        if self._error is not None or left:
            self._give_up(self._error or KafkaError(KafkaError._MSG_TIMED_OUT))

    def close(self) -> None:
        """Forget what was not flushed: this also runs while a crash unwinds."""
        self._producer.purge()
        self._producer.poll(0)

    def _handed_over(self, message: KafkaMessage) -> bool:
        """Hand a message over, unless there is no room for it at the moment."""
        try:
            self._producer.produce(
                message.topic,
                message.value,
                message.key,
                message.partition,
                on_delivery=self._report,
                headers=list(message.headers),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._failed += 1
            self._give_up(error.args[0])
        return True

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed += 1
            self._error = self._error or error

    def _give_up(self, error: KafkaError) -> NoReturn:
        count = self._failed + len(self._producer)
        self.close()
        why = error.str()
        # That time is up says little; the error that the client reported meanwhile says why.
        if error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._QUEUE_FULL) and self._complaints.last is not None:
            why = f"{why}: {self._complaints.last.str()}"
        raise NotDelivered(self._servers, count, why)


class KafkaProducerSink(FixedPartitionedSink[Item, None]):
    """(key, item) in; what `encode` makes of items is stored when the epoch closes, or the epoch does not count.

    Each of `parts` is written by one worker, and keeps its order; those of one process share a producer.
    """

    def __init__(
        self,
        config: KafkaConfig,
        encode: Callable[[Item], Iterable[KafkaMessage]],
        *,
        parts: Sequence[str] = ("0",),
        deadline_s: float = DEADLINE_S,
        gapless: bool = False,
    ) -> None:
        self._gapless = gapless
        self._config = config
        self._encode = encode
        self._parts = list(parts)
        self._deadline_s = deadline_s
        self._producer: KafkaProducer | None = None

    def list_parts(self) -> list[str]:
        return self._parts

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Part[Item]":
        if self._producer is None:
            self._producer = KafkaProducer(self._config, self._deadline_s, gapless=self._gapless)
        return _Part(self._producer, self._encode)


class _Part(StatefulSinkPartition[Item, None]):
    def __init__(self, producer: KafkaProducer, encode: Callable[[Item], Iterable[KafkaMessage]]) -> None:
        self._producer = producer
        self._encode = encode
        self._pending: list[KafkaMessage] = []

    def write_batch(self, values: list[Item]) -> None:
        for value in values:
            self._pending += self._encode(value)

    def snapshot(self) -> None:
        for message in self._pending:
            self._producer.send(message)
        self._producer.flush()
        self._pending = []

    def close(self) -> None:
        # Never a flush: after a crash these messages' epoch does not count.
        self._producer.close()
