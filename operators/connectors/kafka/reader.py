"""Reads one partition of a topic, in order, from a chosen offset, never from a guessed one.

One consumer per partition, told what to read: no group is joined, nothing is committed, nothing rebalances. The caller
saves `position` and `leader_epoch` to go on later. Brokers that go away and come back are waited for.
"""

import time
from itertools import repeat
from operator import is_not
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from operators.connectors.kafka.client import TIMEOUT_S, Complaints, open_kafka
from operators.connectors.kafka.config import KafkaConfig, reader_settings
from operators.connectors.kafka.errors import (
    GONE,
    PASSING,
    REFUSALS,
    UNKNOWN,
    KafkaFailure,
    LogCutOff,
    OffsetGone,
    ReadFailed,
    UnknownTopic,
)
from operators.connectors.kafka.log_end import LogEnd
from operators.connectors.kafka.pieces import PIECE, PIECE_BYTES, Pieces, offset_of
from operators.ingest.messages import NOTHING, Messages

MESSAGES_MAX = 20_000  # Returned at once: some 40 ms of work.
BYTES_MAX = 8 << 20  # Of values, or a little more, as the size of a message is known only once it has come.
ASK_AGAIN_S = 1.0
WAIT_S = 0.002  # The engine's loop waits so long; librdkafka fetches meanwhile.

Start = int | Literal["beginning", "end"]


class KafkaReader:
    """`start` is an offset; "beginning" and "end" are resolved at once, so that a restart cannot mean another place.

    If a `header` is named, it is returned with the key of each message.
    """

    def __init__(
        self, config: KafkaConfig, topic: str, partition: int, start: Start, header: str | None = None
    ) -> None:
        self.messages_max = MESSAGES_MAX  # Returned at once; the caller may want fewer.
        self._header = header
        self._topic, self._partition = topic, partition
        self._servers = config.bootstrap_servers
        self._complaints = Complaints(self._servers)
        self._consumer = open_kafka(Consumer, reader_settings(config), self._complaints)
        self._epoch: int | None = None
        self._compare = False  # Whether the message before `position` is still to be compared.
        self._mean = 1 << 20  # Mean bytes per message in the last read; at first the most that brokers take by default.
        self._end = LogEnd()
        self._asked = 0.0  # When a doubted end was last asked for again.
        try:
            self._position = start if isinstance(start, int) else self._ends(TIMEOUT_S)[start == "end"]
            self._assign()
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> int:
        """The offset of the next message to be read."""
        return self._position

    @property
    def leader_epoch(self) -> int | None:
        """How many leaders the partition had had when the message before `position` was written.

        None before the first message, where `position` follows offsets without a message, and with brokers before 2.1.
        """
        return self._epoch

    def expect(self, leader_epoch: int) -> None:
        """Have the message before `position` read once more: a read raises LogCutOff if another leader wrote it.

        (Brokers are asked for the end of that epoch, too, but only if the client knows of a later one by then.)
        """
        self._epoch = leader_epoch
        self._compare = self._position > 0
        self._assign()

    @property
    def at_end(self) -> bool:
        """Whether everything was read at the broker's last answer, with the connection up. See also `recheck`."""
        return self._end.reached

    @property
    def lag(self) -> int | None:
        """How many offsets are still to be read, as far as is known without asking; None before the first fetch."""
        high = self._high()
        return None if high < 0 else max(0, high - self._position)

    def _high(self) -> int:
        """Return the offset after the last message, as far as is known without asking; -1 before the first fetch."""
        known = self._consumer.get_watermark_offsets(self._place(), cached=True)
        return -1 if known is None else known[1]

    def read(self) -> Messages:
        """Return the next messages, often none. One of `kafka_errors` when waiting would not help."""
        before = self._position, self._epoch
        if self._end.doubted and time.monotonic() - self._asked > ASK_AGAIN_S:
            self._ask_again()
        try:
            taken = self._take()
            if self._complaints.refusal is not None:
                raise self._complaints.refusal
            if self._complaints.unknown:
                raise self._unknown()
        except BaseException:
            # Nothing is returned: a position saved now must not be past what was lost here.
            self._position, self._epoch = before
            raise
        if self._complaints.lost:
            self._complaints.lost = False
            if self._end.reached:
                self.recheck()
        return taken.whole() if taken.messages else NOTHING

    def recheck(self) -> None:
        """Make `at_end` false until a broker says anew that there is no more: within a second, if nothing came.

        Silence alone proves nothing: a broker that is down is silent, too, and may hold many unread messages.
        """
        self._end.recheck()
        self._ask_again()

    def _ask_again(self) -> None:
        self._asked = time.monotonic()
        # What was fetched but not read yet is fetched again.
        self._assign()

    def _assign(self) -> None:
        self._consumer.assign([self._place(self._position - 1 if self._compare else self._position)])

    def close(self) -> None:
        self._consumer.close()

    def _take(self) -> Pieces:
        taken = Pieces(self._header)
        most = min(self.messages_max, MESSAGES_MAX)
        until = time.monotonic() + WAIT_S
        while taken.messages < most and taken.bytes < BYTES_MAX:
            room = min(PIECE_BYTES, BYTES_MAX - taken.bytes)
            wanted = min(PIECE, most - taken.messages, room // self._mean + 1)
            some = self._consumer.consume(wanted, max(0.0, until - time.monotonic()))
            good = self._good(some)
            if good:
                before = taken.bytes
                taken.add(good)
                self._mean = max(1, (taken.bytes - before) // len(good))
            if len(some) < wanted:
                break
        return taken

    def _good(self, some: list[Message]) -> list[Message]:
        """Return the messages among the results, after handling the errors among them."""
        well = good = some
        if any(map(is_not, map(Message.error, some), repeat(None))):
            well = good = [message for message in some if message.error() is None]
        if good and self._compare:
            good = self._compared(good)
        if good:
            self._position, self._epoch = offset_of(good[-1]) + 1, good[-1].leader_epoch()
            self._end.moved(self._high())
        if len(well) < len(some):
            for message in some:
                error = message.error()
                if error is not None:
                    self._heed(error, message)
        return good

    def _compared(self, good: list[Message]) -> list[Message]:
        """Return the messages from `position` on. LogCutOff if the one before it is not the one that was read."""
        self._compare = False
        if offset_of(good[0]) >= self._position:
            return good  # The message before it has been compacted away.
        if good[0].leader_epoch() not in {None, self._epoch}:
            raise LogCutOff(self._topic, self._partition, self._position, self._available())
        return good[1:]

    def _heed(self, error: KafkaError, message: Message) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            if self._compare and offset_of(message) < self._position:
                raise self._gone(code)
            # After the last message there may be transaction markers: offsets without a message.
            if offset_of(message) > self._position:
                # They may be of a later leader than the last message; then that one's epoch ends before them.
                self._position, self._epoch = offset_of(message), None
            if offset_of(message) == self._position:
                self._end.answered(self._position, time.monotonic())
        elif code in GONE:
            if not self._compare or not self._has_expired():
                raise self._gone(code)
            self._compare = False
            self._ask_again()
        elif message.topic() is None or code in UNKNOWN or code in REFUSALS:
            # An error of the client, not of the partition's messages: nothing was skipped.
            self._complaints.note(error)
        elif code not in PASSING:
            at = message.offset()
            raise ReadFailed(self._topic, self._partition, self._position if at is None else at, error.str())

    def _gone(self, code: int) -> OffsetGone:
        there = self._available()
        # An offset that exists but is refused follows messages of other leaders than those read.
        exists = there is not None and self._epoch is not None and there[0] <= self._position <= there[1]
        kind = LogCutOff if exists or code == KafkaError._LOG_TRUNCATION else OffsetGone
        return kind(self._topic, self._partition, self._position, there)

    def _has_expired(self) -> bool:
        """Tell whether the message before `position` no longer exists, and the one at it is the first."""
        there = self._available()
        return there is not None and there[0] == self._position

    def _available(self) -> tuple[int, int] | None:
        try:
            return self._ends(timeout_s=2.0)
        except KafkaFailure:
            return None

    def _ends(self, timeout_s: float) -> tuple[int, int]:
        """Ask for the first offset and the one after the last. Blocks."""
        try:
            ends = self._consumer.get_watermark_offsets(self._place(), timeout=timeout_s)
        except KafkaException as error:
            if error.args[0].code() in UNKNOWN:
                raise self._unknown() from error
            self._consumer.consume(1, 0)  # Delivers the client's errors to `Complaints`.
            raise self._complaints.explain(error.args[0]) from error
        if ends is None:
            raise self._complaints.explain(KafkaError(KafkaError._TIMED_OUT))
        return ends

    def _unknown(self) -> UnknownTopic:
        return UnknownTopic(f"{self._topic}/{self._partition}", self._servers)

    def _place(self, offset: int = 0) -> TopicPartition:
        if self._epoch is None:
            return TopicPartition(self._topic, self._partition, offset)
        return TopicPartition(self._topic, self._partition, offset, leader_epoch=self._epoch)
