"""The long-running archive: Kafka's events in, rows of ClickHouse out, with the same promises as the monitor's worker.

Offsets are saved when an epoch ends, after its rows were stored. Rows stored again after a crash replace themselves.
"""

import logging
from collections.abc import Callable

from bytewax.dataflow import Dataflow

from flows import process, settings
from flows.archive.counting import count_taken
from flows.archive.flow import INPUT, build
from flows.archive.privacy import checked_pseudonyms
from flows.beside import Side, run_once
from flows.kafka_inputs import left_out_inputs, opener
from flows.logs import LOGGER
from flows.options import Options
from flows.process import PARTS
from flows.pulse import Pulse
from flows.topics import Topics, name_of
from flows.watcher import Watcher
from operators.archive.log import Taken
from operators.connectors.clickhouse.client import ClickHouseSink
from operators.connectors.clickhouse.inserter import Retry
from operators.connectors.kafka.client import Partition
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.archive import ArchiveSource, log_of
from operators.sources.input import Input

log = logging.getLogger(LOGGER)


def run(where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics) -> None:
    """Run until `stop` is requested. Raises what stopped it; PolicyError where ids are to be hashed without a key."""
    archive = _Archive(where, policy, options, stop, metrics)
    process.run(where, options, stop, metrics, archive.run_once)


class _Archive:
    def __init__(
        self, where: settings.Settings, policy: Policy, options: Options, stop: Stop, metrics: Metrics
    ) -> None:
        self._where = where.in_group("archive")
        self._policy, self._options, self._stop, self._metrics = policy, options, stop, metrics
        self._pseudonyms = checked_pseudonyms(where, policy)
        self._url = settings.store(where, None)
        self._topics = {name: each for name, each in where.inputs.items() if each.stream == "events"}

    def run_once(self, pulse: Pulse) -> None:
        where = self._where
        side = Side(read=list(self._topics), written=[where.deadletter_topic], step=INPUT, log_of=log_of)
        run_once(
            where,
            self._policy,
            self._options,
            self._stop,
            pulse,
            side,
            lambda topics, begun: self._flow(topics, begun, pulse),
        )

    def _flow(self, topics: Topics, begun: Callable[[], None], pulse: Pulse) -> Dataflow:
        where, options = self._where, self._options
        watcher = _Watcher(where, list(self._topics), topics.partitions, self._metrics, pulse)
        source = ArchiveSource(
            [self._input(place, topics.ids[name_of(place)]) for place in topics.partitions]
            + left_out_inputs(topics.left_out, self._pseudonyms),
            self._policy,
            stop=self._stop,
            watch=watcher.watch(begun),
            taken=watcher.taken,
            recover=True,
            epoch_s=options.shared_epoch_s,
        )
        retry = Retry(deadline_s=where.clickhouse_deadline_s)
        rows = ClickHouseSink(self._url, watcher.refused, parts=PARTS, retry=retry, observe=watcher.stored)
        fields = {"partitions": len(topics.partitions), "texts": self._policy.archive.texts}
        log.info("archive begins", extra={"fields": fields})
        return build(source, rows)

    def _input(self, place: Partition, log_id: str) -> Input:
        return Input(
            name=name_of(place),
            stream="events",
            open=opener(self._where.kafka, place, self._options.start),
            pseudonyms=self._pseudonyms,
            log_id=log_id,
            form=self._topics[place[0]].form,
        )


class _Watcher(Watcher):
    """Turns the archive's events into metrics and log lines."""

    def taken(self, name: str, taken: Taken) -> None:
        self.pulse.beat("message")
        count_taken(self.metrics, name, taken)
        self.left_out(name, taken.rejects, taken.unusable)
