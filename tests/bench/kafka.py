"""What it costs to read from a real Kafka instead of files; everything behind the reader is the same."""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from bytewax.testing import run_main
from confluent_kafka.cimpl import NewTopic

from flows import monitor, policy_files, settings
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.kafka.reader import KafkaReader
from operators.connectors.stop import Stop
from operators.ingest.partition import Batch
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard, cpu_s, whole_job
from tests.bench.generate import lines, write
from tests.bench.kafka_reading import fetched_s, read_s
from tests.integration.kafka_broker import running

EVENTS = 480_000
PARTITIONS = 4


class Costs(NamedTuple):
    """CPU seconds of the worker for files, one event a message, and arrays of 100; all in four partitions.

    Of a partition with one event a message, microseconds a message: `fetched` 500 and 4,000 at once by the client, of
    which nothing is used, and `read`.
    """

    files: float
    single: float
    arrays: float
    fetched: tuple[float, float]
    read: float


def compare() -> Costs:
    events = lines(EVENTS, 36, 18_000)
    parts = [events[number::PARTITIONS] for number in range(PARTITIONS)]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder, "kafka")) as broker:
        paths = [Path(folder, f"{number}.ndjson") for number in range(PARTITIONS)]
        for path, part in zip(paths, parts, strict=True):
            write(path, part)
        config = KafkaConfig(bootstrap_servers=broker.address)
        broker.create([NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in ("one", "hundred")])
        _send(config, "one", parts)
        _send(config, "hundred", [_arrays(part) for part in parts])
        few, many, read = _reading(config, EVENTS // PARTITIONS)
        return Costs(
            files=cpu_s(lambda: whole_job(*paths), runs=2),
            single=cpu_s(lambda: _from_kafka(config, "one"), runs=2),
            arrays=cpu_s(lambda: _from_kafka(config, "hundred"), runs=2),
            fetched=(few, many),
            read=read,
        )


def _reading(config: KafkaConfig, count: int) -> tuple[float, float, float]:
    """Return the least that each took over some turns, in which they follow each other."""
    turns = [
        (fetched_s(config, "one", count), fetched_s(config, "one", count, 4_000), read_s(config, "one", count))
        for _ in range(4)
    ]
    few, many, read = (min(each) / count * 1e6 for each in zip(*turns, strict=True))
    return few, many, read


def _arrays(part: Sequence[bytes]) -> list[bytes]:
    return [b"[" + b",".join(part[start : start + 100]) + b"]" for start in range(0, len(part), 100)]


def _send(config: KafkaConfig, topic: str, parts: Sequence[Sequence[bytes]]) -> None:
    producer = KafkaProducer(config)
    for number, messages in enumerate(parts):
        for message in messages:
            producer.send(KafkaMessage(topic, None, message, number))
    producer.flush()
    producer.close()


def _from_kafka(config: KafkaConfig, topic: str) -> None:
    policy = policy_files.load_policy(settings.Settings().policy)
    stop, left = Stop(), [EVENTS]

    def taken(name: str, batch: Batch) -> None:
        left[0] -= batch.items
        if left[0] == 0:
            stop.request()

    def opened(number: int) -> Input:
        return Input(
            name=f"{topic}/{number}",
            stream="events",
            open=lambda _: KafkaReader(config, topic, number, "beginning"),
        )

    inputs = [opened(number) for number in range(PARTITIONS)]
    source = MonitorSource(inputs, policy, stop=stop, watch=InputWatch(batch=taken))
    flow = monitor.build(policy, source, Discard(), Discard(), Discard())
    run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]
    assert left[0] == 0, stop.error
