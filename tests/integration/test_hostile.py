"""A hostile producer beside a clean model: its rollback comes as soon, its sums are exact, and nothing restarts.

Undisturbed and disturbed rollbacks are those of models that serve the same requests, one after the other through the
same worker. `make prove` disturbs it for ten minutes under the default policy without blips; else panes are short, too.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from gateway.pins import PinTable
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.kafka.reader import KafkaReader
from operators.wire.commands import Release
from operators.wire.control import ControlEvent
from operators.wire.sealing import SealingKey, Verifier
from operators.wire.signing import signed
from tests.integration.conftest import MakeTopic
from tests.integration.hostile import PARTITIONS, Clean, Hostile, Topics
from tests.integration.working import Worker, prompt_policy, working

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
PANE_S, DISORDER_S, LEAD_S = (10, 5, 40) if PROVE else (1, 1, 5)
HOSTILE_S = 600 if PROVE else 0  # At least so long; a round goes to its end.
ROUND = 3  # Models at a time.
WAIT_S = 120.0 if PROVE else 300.0
PER_SECOND = 100  # Requests of a clean model.
HOSTILE_PER_SECOND = 300  # Messages.
RATIO = 1.2  # At full length: else other tests are run beside this one, on as few cores as there are.
RSS_MAX = 2_000  # MiB, the embedded ClickHouse included.
COMMAND_KEY = "a key of the hostile test"
CONTROL_KEY = SealingKey("control", "a key of its control events")
INPUTS = 2 * PARTITIONS + 1


class Stage:
    """A worker, what clean models send it, and a gateway that obeys what it says."""

    def __init__(self, config: KafkaConfig, topics: Topics, worker: Worker) -> None:
        self._config = config
        self._topics = topics
        self.worker = worker
        self.clean = Clean(config.bootstrap_servers, topics.events, PER_SECOND)
        self.gateway = PinTable(verifier=Verifier([CONTROL_KEY], lambda: int(time.time() * 1000)))
        self.control = KafkaReader(config, topics.control, 0, "beginning")
        self.decided: dict[str, float] = {}  # By model, seconds of event time from harm to rollback.
        self.rss = 0.0
        self._said_ms: dict[str, int] = {}

    def round(self, models: Sequence[str]) -> dict[str, float]:
        """Serve models whose candidates fail from one moment on; return the seconds from it to each pin on v1."""
        onset = (int(time.time() + LEAD_S) // PANE_S + 1) * PANE_S
        for model in models:
            self._release(model)
            self.clean.serve(model, onset * 1000)
        after: dict[str, float] = {}
        while len(after) < len(models):
            self.step()
            assert time.time() < onset + WAIT_S, f"{sorted(after)} of {models}; {self._state()}"
            for model in models:
                if self.gateway.pin(model) == "v1" and model not in after:
                    after[model] = time.time() - onset
                    self.decided[model] = self._said_ms[model] / 1000 - onset
        for model in models:
            self.clean.stop(model)
        assert min(after.values()) > 0, "rolled back before any harm"
        return after

    def step(self) -> None:
        self.clean.tick()
        for value in self.control.read().values:
            if self.gateway.take(value) and b'"rollback"' in value:
                said = msgspec.json.decode(value, type=ControlEvent)
                self._said_ms[said.model] = said.ts
        assert self.worker.process.poll() is None, self._log()
        status = Path(f"/proc/{self.worker.process.pid}/status").read_text()
        self.rss = max(self.rss, int(status.partition("VmRSS:")[2].split()[0]) / 1024)

    def drain(self) -> None:
        """Let time pass until the panes of all that was served have closed, and all is read."""
        self.clean.serve("end", float("inf"))
        until = time.time() + PANE_S + DISORDER_S + 9  # Feedback is waited for until it is silent for 5 s.
        while time.time() < until:
            self.step()
        self.clean.stop("end")
        self.clean.flush()
        self.worker.drain(INPUTS)
        # On a machine that stands still now and then silence is known later, and panes close later.
        self.worker.wait(lambda: max(self.worker.metrics("watermark_lag_seconds").values()) < DISORDER_S + PANE_S + 2)

    def _release(self, model: str) -> None:
        said = Release(id=model, ts=int(time.time() * 1000), model=model, candidate="v2", baseline="v1")
        producer = KafkaProducer(self._config)
        body = msgspec.json.encode(signed(said, COMMAND_KEY))
        producer.send(KafkaMessage(self._topics.commands, model.encode(), body))
        producer.flush()
        producer.close()

    def _state(self) -> str:
        """What the worker says of itself, in a few lines: its log is long by now."""
        names = ("watermark_lag_seconds", "lag", "late_total", "open_panes", "epoch_seconds_count", "rejects_total")
        found = {name: self.worker.metrics(name) for name in names}
        worst = {name: (max(each.values(), default=None), sum(each.values())) for name, each in found.items()}
        quiet = [line for line in self._log().splitlines() if " refused " not in line and " left out " not in line]
        return f"load {os.getloadavg()}; worst and sum of {worst}; {self.gateway.states}; {quiet[-5:]}"

    def _log(self) -> str:
        return self.worker.log.read_text()[-100_000:]


def sums(url: str, models: Sequence[str]) -> dict[tuple[str, str, str], int]:
    """What was counted of clean models, by model, version and what they came to."""
    client = open_clickhouse(url)
    try:
        rows = client.query(
            "SELECT model, version, sum(good), sum(bad) FROM sli_pane FINAL"
            " WHERE sli = 'availability' AND version IN ('v1', 'v2') GROUP BY model, version"
        ).result_rows
    finally:
        client.close()
    return {
        (model, version, word): count
        for model, version, good, bad in rows
        for word, count in (("good", good), ("bad", bad))
        if model in models and count
    }


@pytest.fixture
def topics(make_topic: MakeTopic) -> Topics:
    append = {"message.timestamp.type": "LogAppendTime"}
    return Topics(
        events=make_topic(PARTITIONS, **append),
        feedback=make_topic(PARTITIONS, **append),
        commands=make_topic(1, **append),
        control=make_topic(),
    )


@pytest.fixture
def environment(kafka_config: KafkaConfig, topics: Topics, make_topic: MakeTopic, tmp_path: Path) -> dict[str, str]:
    text = prompt_policy().replace("signed = false", "signed = true")
    assert 'stored = "1m"' in text
    text = text.replace('stored = "1m"', "")  # The last minute need not have ended.
    if not PROVE:
        text = text.replace('pane = "10s"', f'pane = "{PANE_S}s"').replace(
            'disorder = "5s"', f'disorder = "{DISORDER_S}s"'
        )
    (tmp_path / "policy.toml").write_text(text)
    return {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        "ROLLGUARD_EVENTS_TOPIC": topics.events,
        "ROLLGUARD_FEEDBACK_TOPIC": topics.feedback,
        "ROLLGUARD_COMMANDS_TOPIC": topics.commands,
        "ROLLGUARD_CONTROL_TOPIC": topics.control,
        "ROLLGUARD_DEADLETTER_TOPIC": make_topic(),
        "ROLLGUARD_CLICKHOUSE": f"chdb://{tmp_path}/clickhouse",
        "ROLLGUARD_POLICY": str(tmp_path / "policy.toml"),
        "ROLLGUARD_COMMAND_KEY": COMMAND_KEY,
        "ROLLGUARD_CONTROL_KEY": f"{CONTROL_KEY.id}:{CONTROL_KEY.secret}",
        "RUST_BACKTRACE": "0",
    }


def test_a_hostile_producer_delays_no_rollback_and_changes_no_sum(
    environment: dict[str, str], kafka_config: KafkaConfig, topics: Topics, tmp_path: Path, record_property: Any
) -> None:
    with working(tmp_path, environment) as worker:
        worker.wait(worker.ready)
        stage = Stage(kafka_config, topics, worker)
        calm = stage.round([f"calm-{number}" for number in range(ROUND)])
        hostile = Hostile(kafka_config.bootstrap_servers, topics, stage.clean, "clean-0-0", HOSTILE_PER_SECOND, seed=5)
        hostile.start()
        began = time.time()
        disturbed: dict[str, float] = {}
        while not disturbed or time.time() < began + HOSTILE_S:
            number = len(disturbed) // ROUND
            hostile.target = f"clean-{number}-0"
            disturbed |= stage.round([f"clean-{number}-{each}" for each in range(ROUND)])
        hostile.stop()
        stage.drain()
        dropped = sum(worker.metrics("duplicates_total").values())
        began = time.monotonic()
        assert worker.stop() == 0, worker.log.read_text()[-3_000:]
        ended_s = time.monotonic() - began
    figures = (
        f"undisturbed {sorted(calm.values())}, disturbed {sorted(disturbed.values())} s; of event time "
        f"{sorted(stage.decided.values())} s; {hostile.sent}, "
        f"{hostile.copies} copies, {hostile.bytes / 1e6:.0f} MB; {stage.rss:.0f} MiB; ended in {ended_s:.1f} s; "
        f"{stage.gateway.refusals}"
    )
    record_property("figures", figures)
    served = {key: count for key, count in stage.clean.counts.items() if key[0] != "end"}
    assert sums(environment["ROLLGUARD_CLICKHOUSE"], [*calm, *disturbed]) == served, figures
    if PROVE:
        assert median(disturbed.values()) <= RATIO * median(calm.values()), figures
        assert max(disturbed.values()) <= RATIO * max(calm.values()) + PANE_S, figures
        assert ended_s < 30, figures
    assert stage.rss < RSS_MAX, figures
    assert hostile.sent["array"] > 0
    assert dropped >= hostile.copies > 0, figures
    assert stage.gateway.refusals["unsigned"] > 0, "forged control events were seen"
