"""Sends files of events to a topic: to try things out, to load-test, to import history."""

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from operators.connectors.files import Advanced, FileReader
from operators.connectors.kafka.client import partitions_of
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import UnknownTopic
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.stop import Stop
from operators.ingest.messages import NO_BOUND
from operators.ingest.usable import UNDECODABLE

LINE_BYTES_MAX = 1 << 20  # A longer line is sent cut off, and refused as too large.
MESSAGE_BYTES_MAX = 900_000  # Bytes of a batch: brokers and producers take a million by default.

Key = Literal["model", "request_id", "none"]
Progressed = Callable[[str, int], None]  # Told a file's name and how many of its bytes were read.


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where. ValueError if `rate` [events/s], `batch` [events] or `partition` is out of range.

    A message goes to `partition`, or to the one given by the CRC32 of its key, as with librdkafka's own producers;
    events without a key go to each in turn. A batch is for one partition: it keeps the order, and has no key.
    `now` gives each event the time at which it is sent.
    """

    topic: str = "inference.events"
    rate: float | None = None
    batch: int = 1
    key: Key = "none"
    now: bool = False
    partition: int | None = None

    def __post_init__(self) -> None:
        if not (self.rate is None or self.rate > 0) or self.batch < 1 or (self.partition or 0) < 0:
            raise ValueError(f"need rate > 0, batch >= 1 and partition >= 0, got {self!r}")


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    events: int
    messages: int
    seconds: float


def run(
    files: Sequence[Path],
    config: KafkaConfig,
    options: Options,
    stop: Stop,
    progressed: Progressed = lambda name, count: None,
) -> Delivered:
    """Send the lines of files, one file after the other. OSError or KafkaFailure; what was sent then stays sent."""
    partitions = [number for _, number in partitions_of(config, [options.topic])]
    if options.partition is not None:
        if options.partition not in partitions:
            raise UnknownTopic(f"{options.topic}/{options.partition}", config.bootstrap_servers)
        partitions = [options.partition]
    producer = KafkaProducer(config)
    sender = _Sender(producer, options, partitions)
    began = time.monotonic()
    try:
        for path in files:
            for line in _lines(path, lambda count, name=str(path): progressed(name, count)):  # type: ignore[misc]
                if options.rate is not None:
                    _wait(producer, began + sender.events / options.rate)
                if stop.requested:
                    break
                sender.take(line)
        sender.end()
        producer.flush()
    finally:
        producer.close()
    return Delivered(events=sender.events, messages=sender.messages, seconds=time.monotonic() - began)


def _lines(path: Path, advanced: Advanced) -> Iterator[bytes]:
    reader = FileReader(path, LINE_BYTES_MAX, NO_BOUND, advanced)
    try:
        while (lines := reader.read()) is not None:
            yield from filter(None, lines.values)
    finally:
        reader.close()


def _wait(producer: KafkaProducer, until: float) -> None:
    """Wait in short steps, because an interrupt is noticed only between them."""
    while (wait := until - time.monotonic()) > 0:
        producer.poll(min(wait, 0.1))


class _Sender:
    """Assigns events to partitions and batches them into messages; each partition has at most one open message."""

    def __init__(self, producer: KafkaProducer, options: Options, partitions: Sequence[int]) -> None:
        self._producer = producer
        self._options = options
        self._partitions = partitions
        self._waiting: list[list[bytes]] = [[] for _ in partitions]
        self._bytes = [0] * len(partitions)
        self._turn = 0
        self.events = 0
        self.messages = 0

    def take(self, line: bytes) -> None:
        self.events += 1
        if self._options.now:
            line = _renewed(line, int(time.time() * 1000))
        key = _key(line, self._options.key)
        place = self._turn if key is None else zlib.crc32(key) % len(self._partitions)
        if self._options.batch == 1:
            self._send(place, key, line)
            return
        if self._bytes[place] + len(line) > MESSAGE_BYTES_MAX:
            self._send_batch(place)
        self._waiting[place].append(line)
        self._bytes[place] += len(line) + 1
        if len(self._waiting[place]) == self._options.batch:
            self._send_batch(place)

    def end(self) -> None:
        """Send the incomplete batches."""
        for place in range(len(self._partitions)):
            self._send_batch(place)

    def _send_batch(self, place: int) -> None:
        if self._waiting[place]:
            self._send(place, None, b"[" + b",".join(self._waiting[place]) + b"]")
        self._waiting[place] = []
        self._bytes[place] = 0

    def _send(self, place: int, key: bytes | None, value: bytes) -> None:
        self._producer.send(KafkaMessage(self._options.topic, key, value, self._partitions[place]))
        self.messages += 1
        self._turn = self.messages % len(self._partitions)


class _Keys(msgspec.Struct, gc=False):
    model: str | None = None
    request_id: str | None = None


_decode_keys = msgspec.json.Decoder(_Keys).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _key(line: bytes, name: Key) -> bytes | None:
    """Return an event's key; None also for a line without one, which is still sent, as the reader judges it."""
    if name == "none":
        return None
    try:
        key = getattr(_decode_keys(line), name)
    except UNDECODABLE:
        return None
    return None if key is None else key.encode()


def _renewed(line: bytes, now_ms: int) -> bytes:
    """Return an event with the present time; a line that is not an event stays as it is."""
    try:
        fields = _decode_fields(line)
    except UNDECODABLE:
        return line
    fields["ts"] = msgspec.Raw(b"%d" % now_ms)
    return msgspec.json.encode(fields)
