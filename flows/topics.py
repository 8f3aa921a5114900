"""The topics of a worker when its dataflow starts: their partitions, their ids, and whose clock stamps them."""

import logging
from collections.abc import Sequence

from flows.logs import LOGGER
from operators.connectors.kafka.client import Partition, partitions_of
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.times import BROKERS, TYPE, timestamp_types
from operators.connectors.kafka.topics import Describer
from operators.policy.policy import Policy

log = logging.getLogger(LOGGER)


class Topics:
    """The topics that are read and written. KafkaFailure if one is missing."""

    def __init__(self, config: KafkaConfig, read: Sequence[str], written: Sequence[str]) -> None:
        there = partitions_of(config, [*read, *written])
        self.partitions = [place for place in there if place[0] in read]
        self.describe = Describer(config, [*read, *written]).describe
        described = self.describe()
        self.topic_ids = {} if described is None else {name: described.ids.get(name, "") for name in read}
        self.ids = {name_of(place): self.topic_ids.get(place[0], "") for place in self.partitions}
        self.left_out: dict[str, str] = {}  # Ids of logs by partition, for topics that were read before.

    def leave_out(self, logs: dict[str, str]) -> None:
        """Note and log which partitions are no longer read; their saved state stays."""
        self.left_out = logs
        for name in logs:
            log.warning("not read any more: no setting names its topic", extra={"fields": {"source": name}})


def name_of(place: Partition) -> str:
    """Return the name of a partition: recovery schema, as its state is saved under it."""
    return f"{place[0]}/{place[1]}"


def tell_clocks(config: KafkaConfig, read: Sequence[str], policy: Policy) -> None:
    """Log whose clock bounds the times in each topic: a writer can set its own, and with it how far ahead it may be."""
    for topic, kind in timestamp_types(config, read).items():
        fields = {"topic": topic, TYPE: kind}
        if kind == BROKERS:
            log.info("times are bounded by the broker's clock", extra={"fields": fields})
        else:
            fields["tolerance_s"] = f"{policy.future_ms / 1000:g}"
            log.warning(f"times are not bounded by the broker's clock: set {TYPE}={BROKERS}", extra={"fields": fields})
