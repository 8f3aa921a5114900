"""The long-running worker: Kafka in; rows to ClickHouse, control events and dead letters to Kafka.

Its state is exactly-once: offsets, panes and windows are saved together when an epoch ends, after the sinks have
stored what it wrote. Whatever cannot be stored stops the worker before that, and a restart does the epoch again.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta

import msgspec
from bytewax.dataflow import Dataflow

from flows import command_secrets, engine, monitor, page_cli, process, settings, topic_watch, writer_watch
from flows.kafka_inputs import left_out_inputs, opener
from flows.logs import LOGGER
from flows.options import Options, Start
from flows.process import PARTS
from flows.pulse import Pulse
from flows.recovery import layouts
from flows.recovery.identity import store_id
from flows.recovery.saved import EVALUATION, PANES, check_logs, states_of
from flows.recovery.store import opened
from flows.summary import count_batch
from flows.topic_watch import TopicWatch
from flows.topics import Topics, name_of, tell_clocks
from flows.watcher import Watcher
from operators.connectors.clickhouse.client import ClickHouseSink, held
from operators.connectors.clickhouse.inserter import Retry
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.control.events import to_control
from operators.connectors.kafka.client import Partition, check_one
from operators.connectors.kafka.dead_letters import to_topic
from operators.connectors.kafka.producer import KafkaProducerSink
from operators.connectors.spill import SpillFile, spilling
from operators.connectors.stop import Stop
from operators.handing_over import Coming, coming
from operators.ingest.credentials import Credentials
from operators.ingest.partition import Batch
from operators.ingest.relayed import HEADER
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource

log = logging.getLogger(LOGGER)


def run(where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics) -> None:
    """Run until `stop` is requested. Raises what stopped it: the failures of connectors, or of the engine."""
    process.run(where, options, stop, metrics, lambda pulse: _run_once(where, policy, options, stop, metrics, pulse))


def _run_once(
    where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics, pulse: Pulse
) -> None:
    url = settings.store(where, None)
    with (
        opened(options.recovery, options.process, options.processes) as store,
        held(url),
        spilling(options.recovery) as spill,
    ):
        policy = layouts.gone_on(options.recovery, store.parts, policy)
        if options.process == 0:
            migrate(url, settings.migrations())
        topics = Topics(where.kafka, list(where.inputs), [where.control_topic, where.deadletter_topic])
        check_one(where.commands_topic, topics.partitions)
        topics.leave_out(check_logs(store.parts, topics.ids))
        watch = TopicWatch(topics.describe, topics.topic_ids, pulse, stop)
        writer = store_id(options.recovery)
        saved = [states_of(store.parts, step) if policy.teams else {} for step in (EVALUATION, PANES)]
        others = coming(policy, *saved)
        flow = _flow(where, policy, options, stop, metrics, pulse, topics, store.begun, writer, others, spill)
        epoch = timedelta(seconds=options.epoch_s)
        with ExitStack() as threads:
            threads.enter_context(topic_watch.watching(watch, pulse.ready_s))
            if options.process == 0:
                threads.enter_context(writer_watch.watching(where.kafka, where.control_topic, writer, pulse, metrics))
                threads.enter_context(page_cli.beside(where, url, options.page))
            engine.run(flow, options.process, options.addresses, epoch, store.config)


def _flow(
    where: settings.Settings,
    policy: Policy,
    options: Options,
    stop: Stop,
    metrics: Metrics,
    pulse: Pulse,
    topics: Topics,
    begun: Callable[[], None],
    writer: str,
    others: Coming,
    spill: SpillFile,
) -> Dataflow:
    if options.process == 0:
        tell_clocks(where.kafka, list(where.inputs), policy)
    credentials = command_secrets.credentials(where, policy)
    watcher = _Watcher(where, topics.partitions, metrics, pulse)
    source = MonitorSource(
        [
            _input(where, policy, place, options.start, credentials, topics.ids[name_of(place)])
            for place in topics.partitions
        ]
        + left_out_inputs(topics.left_out),
        policy,
        stop=stop,
        watch=watcher.watch(begun),
        recover=True,
        epoch_s=options.shared_epoch_s,
    )
    retry = Retry(deadline_s=where.clickhouse_deadline_s)
    url = settings.store(where, None)
    rows = ClickHouseSink(url, watcher.refused, parts=PARTS, retry=retry, observe=watcher.stored)
    letters = KafkaProducerSink(where.kafka, to_topic(where.deadletter_topic), parts=PARTS)
    control = KafkaProducerSink(where.kafka, to_control(where.control_topic, where.signing_key, writer), parts=PARTS)
    log.info("worker begins", extra={"fields": {"partitions": len(topics.partitions), "policy": policy.hash}})
    return monitor.build(policy, source, rows, letters, control, metrics, recover=True, coming=others, spill=spill)


def _input(
    where: settings.Settings, policy: Policy, place: Partition, start: Start, credentials: Credentials, log_id: str
) -> Input:
    topic = where.inputs[place[0]]
    return Input(
        name=name_of(place),
        stream=topic.stream,
        open=opener(where.kafka, place, start, HEADER if topic.stream == "feedback" else None),
        idle_s=policy.idle_ms[topic.stream] / 1000,
        credentials=credentials,
        pseudonyms=settings.pseudonyms(where),
        log_id=log_id,
        form=topic.form,
    )


class _Watcher(Watcher):
    """Turns the monitor's events into metrics and log lines."""

    def __init__(
        self, where: settings.Settings, partitions: Sequence[Partition], metrics: Metrics, pulse: Pulse
    ) -> None:
        super().__init__(where, list(where.inputs), partitions, metrics, pulse)
        self._streams = {name_of(place): where.inputs[place[0]].stream for place in partitions}

    def watch(self, begun: Callable[[], None]) -> InputWatch:
        more = {"batch": self._batch, "idle": self._idle, "forgot": self._forgot}
        return msgspec.structs.replace(super().watch(begun), **more)

    def _batch(self, name: str, batch: Batch) -> None:
        self.pulse.beat("message")
        if self._streams[name] == "commands":
            self.pulse.beat("command")
        self.left_out(name, count_batch(self.metrics, self._streams[name], name, batch), batch.unusable)
        self.unread(name, batch.unread)
        for notice in batch.notices:
            fields = {"source": name, "kind": notice.kind, "severity": notice.severity, "what": notice.what}
            say = log.info if notice.leads else log.warning
            say("share of an input", extra={"fields": fields})

    def _forgot(self, name: str, why: str) -> None:
        log.warning(why, extra={"fields": {"source": name}})

    def _idle(self, name: str) -> None:
        self.metrics.add("idle", 1, name)
        log.info("silent, not waited for until it speaks", extra={"fields": {"source": name}})
