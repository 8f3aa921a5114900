"""A worker that is stopped for a while: an override that came meanwhile holds, as in a replay of the same logs."""

import json
import os
import signal
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from operators.connectors.kafka.config import KafkaConfig
from tests.integration.conftest import MakeTopic
from tests.integration.reading import opened, read_all
from tests.integration.test_worker import event, send
from tests.integration.working import prompt_policy, working

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
STOPPED_S = 40.0 if PROVE else 5.0
START_MS = 1_760_000_000_000
HARM_MS = START_MS + 600_000  # Long after both versions are known, and the candidate is on trial.


def served(first_ms: int, last_ms: int, failing: float) -> list[bytes]:
    """Two versions at five requests a second each, of which the candidate's fail."""
    random = Random(first_ms)
    log = []
    for ts in range(first_ms, last_ms, 100):
        body: dict[str, Any] = event(random, ts, "m")
        body["version"] = "v2" if (ts // 100) % 2 else "v1"
        body["error_type"] = "500" if body["version"] == "v2" and random.random() < failing else None
        log.append(json.dumps(body).encode())
    return log


def said(config: KafkaConfig, topic: str) -> list[str]:
    with opened(config, topic) as reader:
        return [json.loads(value)["type"] for batch in read_all(reader) for value in batch.values]


@pytest.mark.parametrize("overridden", [False, True])
def test_an_override_that_came_while_the_worker_was_stopped_holds(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path, overridden: bool
) -> None:
    """The commands had been silent, and were left out: they are waited for again. Without it there is a rollback."""
    topics = {name: make_topic() for name in ("EVENTS", "FEEDBACK", "COMMANDS", "CONTROL", "DEADLETTER")}
    (tmp_path / "policy.toml").write_text(prompt_policy())
    place = {
        "ROLLGUARD_POLICY": str(tmp_path / "policy.toml"),
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        **{f"ROLLGUARD_{name}_TOPIC": topic for name, topic in topics.items()},
        "ROLLGUARD_CLICKHOUSE": f"chdb://{tmp_path}/clickhouse",
    }
    release = {"type": "release", "id": "r1", "ts": START_MS + 1, "model": "m", "candidate": "v2", "baseline": "v1"}
    override = {"type": "override", "id": "o1", "ts": HARM_MS - 30_000, "model": "m", "version": "v2"}
    send(kafka_config, topics["COMMANDS"], [[json.dumps(release).encode()]])
    send(kafka_config, topics["EVENTS"], [served(START_MS, HARM_MS - 60_000, 0.0)])
    while_stopped = [*served(HARM_MS - 60_000, HARM_MS, 0.0), *served(HARM_MS, HARM_MS + 300_000, 0.9)]
    with working(tmp_path, place) as worker:
        worker.drain(3)
        commands = f'{{source="{topics["COMMANDS"]}/0"}}'
        worker.wait(lambda: worker.metrics("idle_total").get(commands, 0) > 0)
        worker.process.send_signal(signal.SIGSTOP)
        send(kafka_config, topics["EVENTS"], [while_stopped])
        if overridden:
            send(kafka_config, topics["COMMANDS"], [[json.dumps(override).encode()]])
        time.sleep(STOPPED_S)
        worker.process.send_signal(signal.SIGCONT)
        worker.drain(3)
        worker.wait(lambda: sum(worker.metrics("open_panes").values()) <= 2)
        assert worker.stop() == 0
    assert ("rollback" in said(kafka_config, topics["CONTROL"])) is not overridden
