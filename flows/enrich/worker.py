"""The long-running worker of enrich: raw feedback from Kafka, requests from ClickHouse, feedback with context to Kafka.

Its position is saved when an epoch ends, after its output was stored. Output written again after a crash names its
origin, and readers drop it.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack

from bytewax.dataflow import Dataflow

from flows import process, settings
from flows.beside import Side, run_once
from flows.enrich.flow import INPUT, build, to_feedback
from flows.kafka_inputs import opener
from flows.logs import LOGGER
from flows.options import Options
from flows.process import PARTS
from flows.pulse import Pulse
from flows.topics import Topics, name_of
from flows.watcher import Watcher
from operators.connectors.clickhouse.client import ClickHouseSink
from operators.connectors.clickhouse.inserter import Retry
from operators.connectors.clickhouse.request_lookup import Lookup, RequestLookup
from operators.connectors.kafka.client import Partition, partitions_of
from operators.connectors.kafka.dead_letters import to_topic
from operators.connectors.kafka.producer import KafkaProducerSink
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.enrich import EnrichSource, TakenFeedback, feedback_log_of
from operators.sources.input import Input

log = logging.getLogger(LOGGER)


def run(where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics) -> None:
    """Run until `stop` is requested. Raises what stopped it: failures of connectors, or of the engine."""
    enrich = _Enrich(where, policy, options, stop, metrics)
    process.run(where, options, stop, metrics, enrich.run_once)


class _Enrich:
    def __init__(
        self, where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics
    ) -> None:
        self._where = where.in_group("enrich")
        self._policy, self._options, self._stop, self._metrics = policy, options, stop, metrics
        self._url = settings.store(where, None)

    def run_once(self, pulse: Pulse) -> None:
        where = self._where
        written = [where.feedback_topic, where.deadletter_topic]
        side = Side(read=[where.raw_feedback_topic], written=written, step=INPUT, log_of=feedback_log_of)
        with ExitStack() as stack:

            def flow(topics: Topics, begun: Callable[[], None]) -> Dataflow:
                watcher = _Watcher(where, side.read, topics.partitions, self._metrics, pulse)
                lookup = RequestLookup(self._url, where.clickhouse_deadline_s, watcher.looked_up)
                stack.callback(lookup.close)
                return self._flow(topics, begun, watcher, lookup)

            run_once(where, self._policy, self._options, self._stop, pulse, side, flow)

    def _flow(self, topics: Topics, begun: Callable[[], None], watcher: "_Watcher", lookup: RequestLookup) -> Dataflow:
        where, options = self._where, self._options
        partitions = len(partitions_of(where.kafka, [where.feedback_topic]))
        source = EnrichSource(
            [self._input(place, topics.ids[name_of(place)]) for place in topics.partitions],
            self._policy,
            look_up=lookup,
            partition_of=lambda name: int(name.rpartition("/")[2]) % partitions,
            stop=self._stop,
            watch=watcher.watch(begun),
            taken=watcher.taken,
            epoch_s=options.shared_epoch_s,
        )
        retry = Retry(deadline_s=where.clickhouse_deadline_s)
        fields = {"partitions": len(topics.partitions), "wait_s": self._policy.enrich.wait_ms / 1000}
        log.info("enrich begins", extra={"fields": fields})
        return build(
            source,
            KafkaProducerSink(where.kafka, to_feedback(where.feedback_topic), parts=PARTS, gapless=True),
            ClickHouseSink(self._url, watcher.refused, parts=PARTS, retry=retry, observe=watcher.stored),
            KafkaProducerSink(where.kafka, to_topic(where.deadletter_topic), parts=PARTS),
        )

    def _input(self, place: Partition, log_id: str) -> Input:
        pseudonyms = settings.pseudonyms(self._where)
        return Input(
            name=name_of(place),
            stream="feedback",
            open=opener(self._where.kafka, place, self._options.start),
            pseudonyms=pseudonyms,
            log_id=log_id,
            form=self._where.raw_feedback_format,
        )


class _Watcher(Watcher):
    """Turns enrich's events into metrics and log lines."""

    def taken(self, name: str, taken: TakenFeedback) -> None:
        if taken.complete or taken.rejects:
            self.pulse.beat("message")
        self.metrics.add("items", taken.complete, "feedback")
        self.metrics.add("waiting", taken.waiting, name)
        self.metrics.add("source_rejects", taken.rejects.total(), name)
        for reason, count in taken.rejects.items():
            self.metrics.add("rejects", count, reason)
        for field, count in taken.unusable.items():
            self.metrics.add("unusable", count, field)
        self.left_out(name, taken.rejects, taken.unusable)

    def looked_up(self, lookup: Lookup) -> None:
        self.metrics.add("lookup_seconds", lookup.seconds)
        self.metrics.add("lookups", lookup.ids)
        self.pulse.fault("requests", None if lookup.fault is None else f"ClickHouse does not answer: {lookup.fault}")
        if lookup.fault is not None:
            log.warning("request log not read, asked again", extra={"fields": {"why": lookup.fault}})
