"""What users complained of is judged from the request log, and what is said of it is in the topics, as said now."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import cli
from operators.connectors.kafka.config import KafkaConfig
from tests.dataflows.making import POLICY
from tests.integration.conftest import MakeTopic
from tests.integration.reading import opened, read_all, values_of
from tests.judge_server import judge_server

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000
JUDGE = '\n[[evaluator]]\nname = "helpful"\nkind = "llm"\nendpoint = "{}"\nmodel = "j"\ncriteria = {{ help = "?" }}\n'


def run(*words: str) -> str:
    done = CliRunner().invoke(cli.app, [*words, "--policy", "p.toml"])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_request_of_three_days_ago_is_judged_now(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the time of its request the judgement would be too late for the monitor, and asked for again every hour."""
    now_ms = int(time.time() * 1000)
    asked_ms, events, feedback = now_ms - 3 * DAY_MS, make_topic(2), make_topic(2)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ROLLGUARD_ID_KEY": "0123456789abcdef", "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        "ROLLGUARD_EVENTS_TOPIC": events, "ROLLGUARD_FEEDBACK_TOPIC": feedback,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    request = {"request_id": "r1", "ts": asked_ms, "model": "m", "version": "v1", "input": "how?", "output": "so"}
    Path("events.ndjson").write_text(json.dumps(request))
    report = {"request_id": "r1", "ts": asked_ms + 9_000, "kind": "report", "value": "wrong"}
    Path("users.ndjson").write_text(json.dumps(report))
    with judge_server() as server:
        Path("p.toml").write_text(POLICY + JUDGE.format(server.address))
        run("replay", "events.ndjson", "--feedback", "users.ndjson", "--archive", "--out", "one")
        assert "1 events: 1 judgements" in run("evaluate", "--reported", "--data", "one")
    found = []
    for topic in (feedback, events):
        readers = [opened(kafka_config, topic, partition=number) for number in range(2)]
        values: list[bytes] = []
        for reader in readers:
            with reader as each:
                values += values_of(read_all(each))
        found.append([json.loads(value) for value in values])
    (judgement,), (call,) = found
    assert (judgement["request_id"], judgement["sample"], judgement["value"]) == ("r1", "report", 5.0)
    assert (judgement["version"], judgement["request_ts"], call["model"]) == ("v1", asked_ms, "judge:helpful")
    assert min(judgement["ts"], call["ts"]) >= now_ms
