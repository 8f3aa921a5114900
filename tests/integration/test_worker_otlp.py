"""Batches of OpenTelemetry through files and a real Kafka come to the tables of native messages that say the same."""

import json
from pathlib import Path

import pytest

from operators.connectors.kafka.config import KafkaConfig
from tests.dataflows.making import POLICY
from tests.integration.conftest import MakeTopic
from tests.integration.test_worker import contents, places, rollguard, send
from tests.integration.working import working
from tests.otel_spans import Recorder, Twin, as_json, as_proto, twins

REQUESTS, SIZE = 600, 60  # Of a partition: a batch takes 15 s.
START_MS = 1_760_000_000_000
# A pane apart, beyond the longest window, and so many that time follows them in a dense log.
ENDS = range(START_MS + REQUESTS * 250 + 5 * 60_000, START_MS + REQUESTS * 250 + 15 * 60_000, 10_000)
TABLES = ("sli_pane", "outcome_pane", "measure_pane", "sli_window", "measure_window", "feedback", "dead_letter")


def ending() -> Twin:
    """What ends a log, in a batch of its own: time follows no few spans."""
    recorder = Recorder({"service.version": "v"}, 99)
    told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "end"}
    judged = {"gen_ai.evaluation.name": "any", "gen_ai.evaluation.score.value": 5.0}
    events, feedback = [], []
    for number, at in enumerate(ENDS):
        name = {"request_id": f"end-{number}", "model": "end", "version": "v"}
        evaluation = ("gen_ai.evaluation.result", judged, at)
        recorder.span(told | {"gen_ai.response.id": f"end-{number}"}, at, at, events=[evaluation])
        events.append(name | {"ts": at, "latency_ms": 0})
        feedback.append(name | {"ts": at, "kind": "judge", "name": "any", "value": 5.0})
    spans = recorder.taken()
    return Twin(as_proto(spans), as_json(spans), events, feedback)


@pytest.fixture(scope="module")
def logs() -> list[list[Twin]]:
    return [[*twins(REQUESTS, SIZE, seed, START_MS), ending()] for seed in (1, 2)]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    idle = 'idle = { events = "30s", feedback = "1s" }'
    text = POLICY.replace('disorder = "5s"', 'disorder = "1m"')  # So long one batch after another may go back.
    path.write_text(text.replace("[slices]", f"{idle}\n\n[slices]"))
    return path


@pytest.fixture(scope="module")
def wanted(logs: list[list[Twin]], policy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a replay of the native twins writes."""
    folder = tmp_path_factory.mktemp("native")
    names: dict[str, list[str]] = {"events": [], "feedback": []}
    for number, log in enumerate(logs):
        for stream, paths in names.items():
            path = folder / f"{stream}-{number}.ndjson"
            path.write_text("".join(f"{json.dumps(item)}\n" for twin in log for item in getattr(twin, stream)))
            paths.append(str(path))
    given = [part for path in names["feedback"] for part in ("--feedback", path)]
    rollguard("replay", *names["events"], *given, "--policy", str(policy), "--out", str(folder / "out"))
    return contents(f"chdb://{folder}/out/clickhouse")


def same(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> None:
    for table in TABLES:
        assert found[table] == wanted[table], table
    assert len(found["feedback"]) > REQUESTS / 2
    assert not found["dead_letter"]


def test_files_of_protobuf_and_of_json(
    logs: list[list[Twin]], policy: Path, wanted: dict[str, list[str]], tmp_path: Path
) -> None:
    proto, text = tmp_path / "spans.binpb", tmp_path / "spans.jsonl"
    proto.write_bytes(b"".join(len(twin.proto).to_bytes(4) + twin.proto for twin in logs[0]))
    text.write_bytes(b"".join(twin.json + b"\n" for twin in logs[1]))
    options = ["--format", "otlp", "--policy", str(policy), "--out", str(tmp_path / "out")]
    rollguard("replay", str(proto), str(text), *options)
    same(contents(f"chdb://{tmp_path}/out/clickhouse"), wanted)


def test_two_topics_one_of_protobuf_and_one_of_json(
    logs: list[list[Twin]],
    policy: Path,
    wanted: dict[str, list[str]],
    kafka_config: KafkaConfig,
    make_topic: MakeTopic,
    tmp_path: Path,
) -> None:
    environment = places(kafka_config, make_topic, policy, tmp_path)
    stamped = {"message.timestamp.type": "LogAppendTime"}
    more = make_topic(1, **stamped)
    environment |= {
        "ROLLGUARD_EVENTS_TOPIC": make_topic(1, **stamped),
        "ROLLGUARD_MORE_TOPICS": f"{more}:events:otlp",
        "ROLLGUARD_FEEDBACK_TOPIC": make_topic(1),
        "ROLLGUARD_EVENTS_FORMAT": "otlp",
    }
    send(kafka_config, environment["ROLLGUARD_EVENTS_TOPIC"], [[twin.proto for twin in logs[0]]])
    send(kafka_config, more, [[twin.json for twin in logs[1]]])
    with working(tmp_path, environment) as worker:
        worker.wait(lambda: sum(worker.metrics("idle_total").values()) >= 2)  # Nothing comes of feedback, of commands.
        worker.drain(4)
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    same(contents(environment["ROLLGUARD_CLICKHOUSE"]), wanted)
