"""Spans through a real collector, with the configuration that the documents give, come to the tables of their twins.

It is built from Go modules, which takes minutes: so only under `make prove`.
"""

import os
import signal
from pathlib import Path

import pytest
import yaml

from operators.connectors.kafka.config import KafkaConfig
from tests.integration.collector import collecting, post
from tests.integration.conftest import MakeTopic
from tests.integration.ports import free_ports
from tests.integration.reading import opened, read_all
from tests.integration.test_worker import contents, places
from tests.integration.test_worker_otlp import logs, policy, same, wanted
from tests.integration.working import WAIT_S, working
from tests.otel_spans import Twin

__all__ = ["logs", "policy", "wanted"]  # Fixtures.

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "infra/examples/collector.yaml"
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"


def test_the_example_keeps_batches_below_what_a_message_may_hold() -> None:
    config = yaml.safe_load(EXAMPLE.read_text())
    assert config["processors"]["batch"]["send_batch_max_size"] <= 500
    assert set(config["exporters"]["kafka"]) == {"brokers", "sending_queue", "traces", "logs"}
    assert config["exporters"]["kafka"]["traces"] == {"topic": "inference.events", "encoding": "otlp_proto"}
    assert config["service"]["pipelines"].keys() == {"traces", "logs"}


@pytest.mark.skipif(not PROVE, reason="a collector takes minutes to build: `make prove`")
@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_spans_through_a_collector(
    encoding: str,
    logs: list[list[Twin]],
    policy: Path,
    wanted: dict[str, list[str]],
    kafka_config: KafkaConfig,
    make_topic: MakeTopic,
    tmp_path: Path,
) -> None:
    environment = places(kafka_config, make_topic, policy, tmp_path)
    topic = make_topic(1, **{"message.timestamp.type": "LogAppendTime"})
    environment |= {"ROLLGUARD_EVENTS_TOPIC": topic, "ROLLGUARD_EVENTS_FORMAT": "otlp"}
    environment["ROLLGUARD_FEEDBACK_TOPIC"] = make_topic(1)
    batches = [twin.proto for pair in zip(*logs, strict=True) for twin in pair]
    _through(topic, encoding, batches, environment, tmp_path)
    with opened(kafka_config, topic) as reader:
        values = [value for batch in read_all(reader) for value in batch.values]
    assert values[0][:1] == (b"{" if encoding == "otlp_json" else b"\x0a")
    assert len(values) < sum(map(len, logs)), "the collector makes batches of its own"
    with working(tmp_path, environment) as worker:
        worker.wait(lambda: sum(worker.metrics("idle_total").values()) >= 2)
        worker.drain(3)
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    same(contents(environment["ROLLGUARD_CLICKHOUSE"]), wanted)


def _through(topic: str, encoding: str, batches: list[bytes], environment: dict[str, str], folder: Path) -> None:
    """Send batches through a collector to a topic."""
    grpc, http = free_ports(2)
    text = EXAMPLE.read_text().replace("localhost:9092", environment["ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS"])
    text = text.replace("127.0.0.1:4317", f"127.0.0.1:{grpc}").replace("127.0.0.1:4318", f"127.0.0.1:{http}")
    text = text.replace("inference.events", topic).replace("encoding: otlp_proto", f"encoding: {encoding}")
    config = folder / "collector.yaml"
    config.write_text(text)
    address, log = f"127.0.0.1:{http}", folder / "collector.log"
    with collecting(config, address, log) as process:
        for batch in batches:
            post(address, "traces", batch)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0, log.read_text()[-2_000:]
