"""From harm to the rollback on the control topic, in wall time, on a real Kafka: `python -m tests.bench.detection`.

Twenty models at 100 requests a second each, a fifth to the candidate; at a random moment of its own, the candidate's
errors go from 2 to 20 %. The default policy, but each pane counts in full (`blip = "0s"`, `warm_up = "0s"`), and the
default epoch. One run per model: they do not know of each other.
"""

import json
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from infra.kafka.broker import TOPICS
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.kafka.reader import KafkaReader
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.kafka_broker import running
from tests.integration.working import Worker, prompt_policy, working

MODELS = 20
PER_SECOND = 100
SHARE, ERRORS, SPIKE = 0.2, 0.02, 0.2
WARM_UP_S, SPREAD_S, WAIT_S = 40.0, 20.0, 60.0  # Before the first onset; from it to the last; after that.
TICK_S = 0.1


class Traffic:
    """Sends what the models serve, as it happens, and keeps when each candidate began to fail."""

    def __init__(self, config: KafkaConfig) -> None:
        self._random = Random(3)
        self._producer = KafkaProducer(config)
        self._began = time.time()
        self._sent = 0
        # Not all at one place within a pane.
        self.onset = {
            f"m{number}": self._began + WARM_UP_S + self._random.random() * SPREAD_S for number in range(MODELS)
        }

    def release(self) -> None:
        ts = int(self._began * 1000)
        for model in self.onset:
            body = {"type": "release", "id": model, "ts": ts, "model": model, "candidate": "v2", "baseline": "v1"}
            self._producer.send(KafkaMessage("rollguard.commands", model.encode(), json.dumps(body).encode()))

    def tick(self) -> None:
        """Send what has come due since the last tick."""
        now = time.time()
        due = int((now - self._began) * PER_SECOND)
        for _ in range(due - self._sent):
            self._sent += 1
            for model in self.onset:
                self._producer.send(
                    KafkaMessage("inference.events", None, json.dumps(self._event(model, now)).encode(), self._sent % 4)
                )
        self._producer.poll(0)
        time.sleep(max(0.0, TICK_S - (time.time() - now)))

    def _event(self, model: str, now: float) -> dict[str, Any]:
        candidate = self._random.random() < SHARE
        failing = SPIKE if candidate and now >= self.onset[model] else ERRORS
        return {
            "request_id": f"{self._random.getrandbits(64):x}",
            "ts": int(now * 1000),
            "model": model,
            "version": "v2" if candidate else "v1",
            "slices": {"region": self._random.choice(["eu", "us"]), "segment": "pro"},
            "error_type": "500" if self._random.random() < failing else None,
            "latency_ms": 100.0,
        }


def main() -> None:
    with tempfile.TemporaryDirectory() as name, running(Path(name, "kafka")) as broker:
        broker.create(TOPICS)
        bridge = Bridge(Path(name, "clickhouse"))
        bridge.start()
        policy = Path(name, "policy.toml")
        policy.write_text(prompt_policy())
        environment = {
            "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "ROLLGUARD_CLICKHOUSE": bridge.url("rollguard"),
            "ROLLGUARD_POLICY": str(policy),
        }
        try:
            with working(Path(name), environment) as worker:
                worker.wait(worker.ready)
                report(observe(KafkaConfig(bootstrap_servers=broker.address), worker))
        finally:
            bridge.stop()


def observe(config: KafkaConfig, worker: Worker) -> dict[str, float]:
    """Return how many seconds after its onset each model's rollback could be read; missing where none came."""
    traffic = Traffic(config)
    traffic.release()
    control = KafkaReader(config, "rollguard.control", 0, "beginning")
    after: dict[str, float] = {}
    end = max(traffic.onset.values()) + WAIT_S
    try:
        while time.time() < end and len(after) < MODELS:
            assert worker.process.poll() is None, worker.log.read_text()[-2_000:]
            traffic.tick()
            for value in control.read().values:
                event = json.loads(value)
                if event["type"] == "rollback":
                    after[event["model"]] = time.time() - traffic.onset[event["model"]]
    finally:
        control.close()
    return after


def report(after: dict[str, float]) -> None:
    seconds = np.array(sorted(after.values()))
    early = int((seconds < 0).sum())
    print(f"{len(seconds)} of {MODELS} rolled back, {early} of them before any harm; seconds from onset to the topic:")
    print("  " + " ".join(f"{value:.1f}" for value in seconds))
    print(
        f"  median {np.median(seconds):.1f}, 90 % {np.quantile(seconds, 0.9):.1f} (pane 10 + disorder 5 + epoch 2 + 2)"
    )


if __name__ == "__main__":
    main()
