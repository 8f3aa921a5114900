"""Turns what every worker's dataflow reports into metrics, log lines, and offsets for lag tools."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from flows.logs import LOGGER
from flows.pulse import Pulse
from flows.settings import Settings
from flows.summary import count_stored
from flows.topics import name_of
from operators.connectors.clickhouse.inserter import Stats
from operators.connectors.clickhouse.refused import Poison, letter_of
from operators.connectors.kafka.client import OffsetPublisher, Partition, new_partitions
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.kafka.reader import KafkaReader
from operators.connectors.reader import Reader
from operators.metrics import Metrics
from operators.sources.input import InputWatch

LOOK_FOR_PARTITIONS_S = 300.0
PUBLISH_S = 5.0
UNREAD_MAX = 200  # Names that are logged: producers may make up as many as they like.

log = logging.getLogger(LOGGER)


class Watcher:
    """`partitions` are those that are read; `topics` those that may get further ones."""

    def __init__(
        self, where: Settings, topics: Sequence[str], partitions: Sequence[Partition], metrics: Metrics, pulse: Pulse
    ) -> None:
        self.metrics, self.pulse = metrics, pulse
        self._config = where.kafka
        self._topics = list(topics)
        self._known = list(partitions)
        self._deadletter_topic = where.deadletter_topic
        self._letters: KafkaProducer | None = None  # For rows that ClickHouse refuses.
        self._readers: dict[str, Reader] = {}
        self._unread: set[tuple[str, str]] = set()
        self._looked = self._published = time.monotonic()
        self._publisher = OffsetPublisher(where.kafka) if where.kafka_publish_offsets else None
        self._ended: dict[Partition, int] = {}  # How far each partition was when its last epoch ended.
        self._committed: dict[Partition, int] = {}  # And the epoch before, whose commit is surely done.

    def watch(self, begun: Callable[[], None]) -> InputWatch:
        """Return the callbacks of a source; `begun` is called when the engine runs."""
        return InputWatch(begun=begun, epoch_ended=self.epoch_ended, opened=self.opened, stepped_back=self.stepped_back)

    def opened(self, name: str, reader: Reader) -> None:
        self._readers[name] = reader

    def epoch_ended(self, name: str, seconds: float) -> None:
        self.metrics.add("epoch_seconds", seconds, name)
        self.pulse.beat()
        reader = self._readers.get(name)
        if isinstance(reader, KafkaReader) and reader.lag is not None:
            self.metrics.add("lag", reader.lag, name)
        if self._publisher is not None and isinstance(reader, KafkaReader):
            self._publish(self._publisher, name, reader.position)
        if time.monotonic() - self._looked > LOOK_FOR_PARTITIONS_S:
            self._looked = time.monotonic()
            for place in new_partitions(self._config, self._topics, self._known):
                self._known.append(place)
                log.warning("new partition, read after a restart", extra={"fields": {"source": name_of(place)}})

    def _publish(self, publisher: OffsetPublisher, name: str, position: int) -> None:
        topic, _, number = name.rpartition("/")
        place = topic, int(number)
        if place in self._ended:
            self._committed[place] = self._ended[place]
        self._ended[place] = position
        if time.monotonic() - self._published > PUBLISH_S:
            self._published = time.monotonic()
            publisher.publish(self._committed)

    def left_out(self, name: str, rejects: Mapping[str, int], unusable: Mapping[str, int]) -> None:
        """Log how many items of a batch were refused, by reason, and how many lost an optional field."""
        for reason, count in rejects.items():
            log.warning("refused", extra={"fields": {"source": name, "reason": reason, "count": count}})
        for field, count in unusable.items():
            log.warning("left out", extra={"fields": {"source": name, "field": field, "count": count}})

    def unread(self, name: str, fields: Collection[str]) -> None:
        """Log once which fields of an input's items nothing reads."""
        for field in sorted(fields):
            if (name, field) not in self._unread and len(self._unread) < UNREAD_MAX:
                self._unread.add((name, field))
                log.warning("a field that nobody reads", extra={"fields": {"source": name, "field": field}})

    def stepped_back(self, seconds: float) -> None:
        self.metrics.add("clock_steps", 1)
        log.warning("the wall clock stepped back", extra={"fields": {"seconds": round(seconds, 3)}})

    def stored(self, stats: Stats) -> None:
        count_stored(self.metrics, stats)

    def refused(self, poison: Poison) -> None:
        """Keep a row that ClickHouse refuses, in full, before its epoch counts. KafkaFailure."""
        self.metrics.add("sink_rejects", 1, poison.table)
        if self._letters is None:
            self._letters = KafkaProducer(self._config)
        self._letters.send(KafkaMessage(self._deadletter_topic, poison.table.encode(), letter_of(poison)))
        self._letters.flush()
        kept = {"table": poison.table, "error": poison.error, "topic": self._deadletter_topic}
        log.error("row refused, kept among the dead letters: see `rollguard resend`", extra={"fields": kept})
