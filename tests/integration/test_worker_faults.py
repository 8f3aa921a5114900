"""What breaks around the worker: it retries, or stops before the epoch counts, with one clear line, and goes on."""

import json
from pathlib import Path
from random import Random
from typing import Any

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.kafka_broker import TestBroker
from tests.integration.test_worker import (
    END_MS,
    ENDS,
    EVENTS,
    INPUTS,
    PARTITIONS,
    ends,
    environment,
    event,
    finish,
    logs,
    policy,
    wanted,
    written,
)
from tests.integration.test_worker_processes import bridge
from tests.integration.working import WAIT_S, working

__all__ = ["bridge", "environment", "logs", "policy", "wanted"]  # Fixtures.


def test_clickhouse_down_past_the_deadline_stops_the_worker_and_a_restart_is_exact(
    environment: dict[str, str],
    wanted: dict[str, Any],
    bridge: Bridge,
    tmp_path: Path,
) -> None:
    place = environment | {
        "ROLLGUARD_CLICKHOUSE": bridge.url("rollguard"),
        "ROLLGUARD_CLICKHOUSE_DEADLINE_S": "1",
    }
    with working(tmp_path, place) as worker:
        worker.wait(lambda: sum(worker.metrics("sink_rows_total").values()) > 0)
        bridge.stop(kill=True)
        assert worker.process.wait(WAIT_S) == 1
    last = worker.log.read_text().splitlines()[-1]
    assert last.startswith("rollguard: "), last
    assert "not stored" in last, last
    bridge.start()
    with working(tmp_path, place) as worker:
        finish(worker)
    assert written(place) == wanted


def test_a_partition_that_is_added_is_read_from_its_beginning_after_a_restart(
    environment: dict[str, str],
    kafka: TestBroker,
    kafka_config: KafkaConfig,
    tmp_path: Path,
) -> None:
    with working(tmp_path, environment) as worker:
        finish(worker)
    kafka.grow(environment["ROLLGUARD_EVENTS_TOPIC"], PARTITIONS + 1)
    producer = KafkaProducer(kafka_config)
    for index in range(10):
        line = json.dumps(event(Random(index), END_MS + 60_000 + index, "newcomer")).encode()
        producer.send(KafkaMessage(environment["ROLLGUARD_EVENTS_TOPIC"], None, line, PARTITIONS))
    for at in ends(END_MS + 600_000):
        for number in range(PARTITIONS + 1):
            line = json.dumps(event(Random(at + number), at, "end")).encode()
            producer.send(KafkaMessage(environment["ROLLGUARD_EVENTS_TOPIC"], None, line, number))
            if number < PARTITIONS:
                edit = line[:-1] + b', "kind": "edit"}'
                producer.send(KafkaMessage(environment["ROLLGUARD_FEEDBACK_TOPIC"], None, edit, number))
        ack = {"type": "ack", "id": f"l{at}", "ts": at, "model": "end", "event": "none"}
        producer.send(KafkaMessage(environment["ROLLGUARD_COMMANDS_TOPIC"], None, json.dumps(ack).encode(), 0))
    producer.flush()
    producer.close()
    with working(tmp_path, environment) as worker:
        worker.drain(INPUTS + 1)
        assert worker.stop() == 0
    client = open_clickhouse(environment["ROLLGUARD_CLICKHOUSE"])
    try:
        answer = client.query("SELECT sum(n), sum(late) FROM outcome_pane FINAL WHERE model = 'newcomer'").result_rows
    finally:
        client.close()
    assert [tuple(row) for row in answer] == [(10, 0)]


def test_lag_tools_see_how_far_the_worker_is(
    environment: dict[str, str],
    kafka: TestBroker,
    tmp_path: Path,
) -> None:
    group = {"ROLLGUARD_KAFKA_GROUP": f"group-{tmp_path.name}", "ROLLGUARD_KAFKA_PUBLISH_OFFSETS": "true"}
    with working(tmp_path, environment | group) as worker:
        worker.drain(INPUTS)
        topic = environment["ROLLGUARD_EVENTS_TOPIC"]
        all_read = {(topic, number): EVENTS + ENDS for number in range(PARTITIONS)}
        worker.wait(lambda: all_read.items() <= kafka.committed(group["ROLLGUARD_KAFKA_GROUP"]).items())
        assert worker.stop() == 0
