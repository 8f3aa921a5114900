"""The long-running worker: Kafka in; rows to ClickHouse, control events and dead letters to Kafka.

Its state is exactly-once: offsets, panes and windows are saved together when an epoch ends, after the sinks have
stored what it wrote. Whatever cannot be stored stops the worker before that, and a restart does the epoch again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.dataflow import Dataflow

from flows import engine, health, monitor, settings, topic_watch, watchdog, writer_watch
from flows.logs import LOGGER
from flows.pulse import Pulse
from flows.recovery.identity import store_id
from flows.recovery.saved import check_logs
from flows.recovery.store import opened
from flows.summary import count_batch, count_stored
from flows.topic_watch import TopicWatch
from operators.connectors.clickhouse import ClickHouseSink, held
from operators.connectors.control_events import to_control
from operators.connectors.dead_letters import to_topic
from operators.connectors.inserter import Retry, Stats
from operators.connectors.kafka import OffsetPublisher, Partition, check_one, new_partitions, partitions_of
from operators.connectors.kafka_producer import KafkaMessage, KafkaProducer, KafkaProducerSink
from operators.connectors.kafka_reader import KafkaReader, Start
from operators.connectors.kafka_times import BROKERS, TYPE, timestamp_types
from operators.connectors.migrations import migrate
from operators.connectors.reader import Reader
from operators.connectors.refused import Poison, letter_of
from operators.connectors.source import Input, MonitorSource, Watch
from operators.connectors.stop import Stop
from operators.connectors.topics import Describer
from operators.ingest.columns import Stream
from operators.ingest.credentials import Credentials
from operators.ingest.partition import Batch
from operators.metrics import Metrics
from operators.policy import Policy

LOOK_FOR_PARTITIONS_S = 300.0
PUBLISH_S = 5.0
READY_EPOCHS = 5  # A worker with long epochs is ready for at least so many without the end of one.
# Of the sinks, shared out among the processes. Recovery schema: a store knows its parts by name, for ever.
PARTS = tuple(str(number) for number in range(16))

log = logging.getLogger(LOGGER)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How one process of the worker runs; `addresses` are those of all processes, none for a single one."""

    recovery: Path
    start: Start = "beginning"
    epoch_s: float = 2.0
    listen: str = "127.0.0.1:9464"
    process: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        return max(len(self.addresses), 1)


def run(where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics) -> None:
    """Run until `stop` is requested. Raises what stopped it: the failures of connectors, or of the engine."""
    ready_s = max(where.ready_s, READY_EPOCHS * options.epoch_s)
    pulse = Pulse(ready_s=ready_s, stuck_s=where.stuck_s)
    server = health.serve(options.listen, metrics, pulse)
    try:
        with watchdog.watching(pulse, stop, metrics):
            _run_once(where, policy, options, stop, metrics, pulse)
            while stop.renew():
                log.warning("the dataflow begins again from its last epoch")
                pulse.begin()
                _run_once(where, policy, options, stop, metrics, pulse)
    finally:
        server.shutdown()
        server.server_close()
    if stop.error is not None:
        raise stop.error
    log.info("worker ended")


def _run_once(
    where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics, pulse: Pulse
) -> None:
    url = settings.store(where, None)
    with opened(options.recovery, options.process, options.processes) as store, held(url):
        if options.process == 0:
            migrate(url, settings.migrations())
        topics = _Topics(where)
        check_logs(store.parts, topics.ids)
        watch = TopicWatch(topics.describe, topics.topic_ids, pulse, stop)
        writer = store_id(options.recovery)
        flow = _flow(where, policy, options, stop, metrics, pulse, topics, store.begun, writer)
        epoch = timedelta(seconds=options.epoch_s)
        with ExitStack() as threads:
            threads.enter_context(topic_watch.watching(watch, pulse.ready_s))
            if options.process == 0:
                threads.enter_context(writer_watch.watching(where.kafka, where.control_topic, writer, pulse, metrics))
            engine.run(flow, options.process, options.addresses, epoch, store.config)


class _Topics:
    """The topics as they are when the dataflow starts. KafkaFailure if one is missing, also of those written to."""

    def __init__(self, where: settings.Settings) -> None:
        read, written = list(_streams(where)), [where.control_topic, where.deadletter_topic]
        there = partitions_of(where.kafka, read + written)
        self.partitions = [place for place in there if place[0] in read]
        check_one(where.commands_topic, self.partitions)
        self.describe = Describer(where.kafka, read + written).describe
        described = self.describe()
        self.topic_ids = {} if described is None else {name: described.ids.get(name, "") for name in read}
        self.ids = {name_of(place): self.topic_ids.get(place[0], "") for place in self.partitions}


def _flow(
    where: settings.Settings,
    policy: Policy,
    options: Options,
    stop: Stop,
    metrics: Metrics,
    pulse: Pulse,
    topics: _Topics,
    begun: Callable[[], None],
    writer: str,
) -> Dataflow:
    if options.process == 0:
        _tell_clocks(where, policy)
    credentials = settings.credentials(where, policy)
    watcher = _Watcher(where, topics.partitions, metrics, pulse)
    source = MonitorSource(
        [
            _input(where, policy, place, options.start, credentials, topics.ids[name_of(place)])
            for place in topics.partitions
        ],
        policy,
        stop=stop,
        watch=msgspec.structs.replace(watcher.watch, begun=begun),
        recover=True,
        epoch_s=options.epoch_s if options.processes > 1 else 0.0,
    )
    retry = Retry(deadline_s=where.clickhouse_deadline_s)
    url = settings.store(where, None)
    rows = ClickHouseSink(url, watcher.refused, parts=PARTS, retry=retry, observe=watcher.stored)
    letters = KafkaProducerSink(where.kafka, to_topic(where.deadletter_topic), parts=PARTS)
    control = KafkaProducerSink(where.kafka, to_control(where.control_topic, where.signing_key, writer), parts=PARTS)
    log.info("worker begins", extra={"fields": {"partitions": len(topics.partitions), "policy": policy.hash}})
    return monitor.build(policy, source, rows, letters, control, metrics, recover=True)


def _tell_clocks(where: settings.Settings, policy: Policy) -> None:
    """Say whose clock bounds the times in each topic: a writer can set its own, and with it how far ahead it may be."""
    for topic, kind in timestamp_types(where.kafka, list(_streams(where))).items():
        fields = {"topic": topic, TYPE: kind}
        if kind == BROKERS:
            log.info("times are bounded by the broker's clock", extra={"fields": fields})
        else:
            fields["tolerance_s"] = f"{policy.future_ms / 1000:g}"
            log.warning(f"times are not bounded by the broker's clock: set {TYPE}={BROKERS}", extra={"fields": fields})


def name_of(place: Partition) -> str:
    """Return the name of a partition: recovery schema, as its state is saved under it."""
    return f"{place[0]}/{place[1]}"


def _input(
    where: settings.Settings, policy: Policy, place: Partition, start: Start, credentials: Credentials, log_id: str
) -> Input:
    topic, number = place
    stream = _streams(where)[topic]

    def open_at(position: int | None) -> Reader:
        return KafkaReader(where.kafka, topic, number, start if position is None else position)

    return Input(
        name=name_of(place),
        stream=stream,
        open=open_at,
        idle_s=policy.idle_ms[stream] / 1000,
        credentials=credentials,
        pseudonyms=settings.pseudonyms(where),
        log_id=log_id,
    )


def _streams(where: settings.Settings) -> dict[str, Stream]:
    """Return what each topic that is read carries."""
    return {where.events_topic: "events", where.feedback_topic: "feedback", where.commands_topic: "commands"}


class _Watcher:
    """Turns what happens into metrics and log lines."""

    def __init__(
        self,
        where: settings.Settings,
        partitions: Sequence[Partition],
        metrics: Metrics,
        pulse: Pulse,
    ) -> None:
        self._config = where.kafka
        streams = _streams(where)
        self._topics = list(streams)
        self._known = list(partitions)
        self._streams = {name_of(place): streams[place[0]] for place in partitions}
        self._metrics = metrics
        self._pulse = pulse
        self._deadletter_topic = where.deadletter_topic
        self._letters: KafkaProducer | None = None  # For rows that ClickHouse refuses.
        self._readers: dict[str, Reader] = {}
        self._looked = self._published = time.monotonic()
        self._publisher = OffsetPublisher(where.kafka) if where.kafka_publish_offsets else None
        self._ended: dict[Partition, int] = {}  # How far each partition was when its last epoch ended.
        self._committed: dict[Partition, int] = {}  # And the epoch before, whose commit is surely done.
        self.watch = Watch(
            batch=self._batch,
            epoch_ended=self._epoch_ended,
            idle=self._idle,
            forgot=self._forgot,
            opened=self._readers.__setitem__,
            stepped_back=self._stepped_back,
        )

    def _batch(self, name: str, batch: Batch) -> None:
        self._pulse.beat("message")
        if self._streams[name] == "commands":
            self._pulse.beat("command")
        for reason, count in count_batch(self._metrics, self._streams[name], name, batch).items():
            log.warning("refused", extra={"fields": {"source": name, "reason": reason, "count": count}})
        for notice in batch.notices:
            fields = {"source": name, "kind": notice.kind, "severity": notice.severity, "what": notice.what}
            log.warning("share of an input", extra={"fields": fields})
        for field, count in batch.unusable.items():
            log.warning("left out", extra={"fields": {"source": name, "field": field, "count": count}})

    def _epoch_ended(self, name: str, seconds: float) -> None:
        self._metrics.add("epoch_seconds", seconds, name)
        self._pulse.beat()
        reader = self._readers.get(name)
        if isinstance(reader, KafkaReader) and reader.lag is not None:
            self._metrics.add("lag", reader.lag, name)
        if self._publisher is not None and reader is not None:
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

    def _forgot(self, name: str, why: str) -> None:
        log.warning(why, extra={"fields": {"source": name}})

    def _idle(self, name: str) -> None:
        self._metrics.add("idle", 1, name)
        log.info("silent, not waited for until it speaks", extra={"fields": {"source": name}})

    def _stepped_back(self, seconds: float) -> None:
        self._metrics.add("clock_steps", 1)
        log.warning("the wall clock stepped back", extra={"fields": {"seconds": round(seconds, 3)}})

    def stored(self, stats: Stats) -> None:
        count_stored(self._metrics, stats)

    def refused(self, poison: Poison) -> None:
        """Keep a row that ClickHouse refuses in full, before its epoch counts. KafkaFailure."""
        self._metrics.add("sink_rejects", 1, poison.table)
        if self._letters is None:
            self._letters = KafkaProducer(self._config)
        self._letters.send(KafkaMessage(self._deadletter_topic, poison.table.encode(), letter_of(poison)))
        self._letters.flush()
        kept = {"table": poison.table, "error": poison.error, "topic": self._deadletter_topic}
        log.error("row refused, kept among the dead letters: see `rollguard resend`", extra={"fields": kept})
