"""Whatever is killed, frozen or full, in whatever order: the worker writes what a replay of its logs writes.

The short form has one seed and 12 kills; with ROLLGUARD_PROVE=1 there are ten seeds and at least 300.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from operators.connectors.kafka.config import KafkaConfig
from tests.forked import forge
from tests.integration.conftest import MakeTopic
from tests.integration.fault_logs import LATE_MS, PARTITIONS, SPACING_MS, Made, made
from tests.integration.faults import Faults, Place
from tests.integration.kafka_broker import TestBroker
from tests.integration.test_worker import START_MS, written
from tests.integration.test_worker_processes import bridge

__all__ = ["bridge"]  # A fixture.

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SEEDS = range(10) if PROVE else range(1)
KILLS = 30 if PROVE else 12
EVENTS = 12_000 if PROVE else 2_000  # A partition.
STEP_MS = EVENTS * SPACING_MS * 2 // KILLS  # Of the logs, at most, that a round is fed.
# In the short form in this order, one of each; then by chance of the first ones.
OFTEN = ["snapshot", "snapshot", "random", "recovery"]
ONCE = ["codes", "away", "full", "broker", *(["stop", "broker", "codes", "full"] if PROVE else [])]
PROCESSES = [1, 2, 3, 2] if PROVE else [1, 2, 1]
EVERY = 3 if PROVE else 2  # Rounds have a fault of those that come once.


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(Random(11), EVENTS, tmp_path_factory.mktemp("faults"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """A small disk for the recovery folder, where one may be mounted."""
    folder = tmp_path / "state"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def place(
    kafka: TestBroker,
    kafka_config: KafkaConfig,
    make_topic: MakeTopic,
    bridge: Any,
    logs: Made,
    tmp_path: Path,
) -> Iterator[Place]:
    stamped = {"message.timestamp.type": "LogAppendTime"}
    environment = {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        "ROLLGUARD_EVENTS_TOPIC": make_topic(PARTITIONS, **stamped),
        "ROLLGUARD_FEEDBACK_TOPIC": make_topic(2, **stamped),
        "ROLLGUARD_COMMANDS_TOPIC": make_topic(1, **stamped),
        "ROLLGUARD_CONTROL_TOPIC": make_topic(),
        "ROLLGUARD_DEADLETTER_TOPIC": make_topic(),
        "ROLLGUARD_CLICKHOUSE": bridge.url("rollguard"),
        "ROLLGUARD_POLICY": str(logs.policy),
        "RUST_BACKTRACE": "1",
    }
    each = Place(tmp_path, environment, forge(), kafka, bridge, logs)
    try:
        yield each
    finally:
        each.clear()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_faults_do_not_show(
    seed: int, place: Place, logs: Made, disk: Path | None, record_property: Any
) -> None:
    random = Random(seed)
    faults = Faults(place, random, disk)
    rounds = 0
    once = random.sample(ONCE, len(ONCE))
    at_ms = START_MS + LATE_MS
    faults.settle(at_ms)
    while faults.kills < KILLS or once or not faults.counted["partition added"]:
        at_ms += random.randrange(STEP_MS)
        if at_ms > logs.half_ms and not faults.counted["partition added"]:
            faults.add_partition()
            at_ms = logs.half_ms + 3 * LATE_MS
            faults.settle(at_ms)
        special = bool(once) and rounds % EVERY == EVERY - 1
        fault = once.pop() if special else random.choice(OFTEN)
        kill_silent = not special and random.random() < 0.3
        faults.round(PROCESSES[rounds % len(PROCESSES)], at_ms, fault, kill_silent=kill_silent)
        rounds += 1
    faults.finish()
    record_property("faults", told(seed, faults.counted))
    found = written(place.environment)
    assert {table: len(rows) for table, rows in found.items()} == {
        table: len(rows) for table, rows in logs.wanted.items()
    }
    assert found == logs.wanted
    assert faults.counted["broker frozen after a start, epochs empty"] > KILLS // 4


def told(seed: int, counted: Counter[str]) -> str:
    return f"seed {seed}: " + ", ".join(f"{kind} {count}" for kind, count in sorted(counted.items()))
