"""Every sampled request is judged once, though the worker is killed twice between writing and saving."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.reader import KafkaReader
from operators.evaluate.sampling import draw_of
from operators.ingest.messages import Messages
from operators.ingest.relayed import HEADER, copies
from tests.integration.conftest import MakeTopic
from tests.integration.ports import free_ports
from tests.integration.reading import read_all
from tests.integration.test_worker import send
from tests.integration.working import WAIT_S, Worker, working
from tests.judge_server import JudgeServer, judge_server

PARTITIONS, EVENTS, KILLS = 2, 600, 2
START_MS = 1_760_000_000_000
SHARE = 0.2
TROUBLE = ["", "", "", "", " #429", " #500", " #broken", " #prose"]


@pytest.fixture(scope="module")
def server() -> Iterator[JudgeServer]:
    with judge_server(latency_s=0.02) as made:
        yield made


@pytest.fixture
def environment(
    kafka_config: KafkaConfig, make_topic: MakeTopic, server: JudgeServer, tmp_path: Path
) -> dict[str, str]:
    policy = tmp_path / "policy.toml"
    judge = f'endpoint = "{server.address}"\nmodel = "j"\ncriteria = {{ help = "?", tone = "?" }}\ntimeout = "60s"\n'
    golden = [{"input": "i", "output": f"golden {n}", "labels": {"help": 5}} for n in range(6)]
    (tmp_path / "golden.ndjson").write_text("\n".join(map(json.dumps, golden)))
    policy.write_text(
        Path("flows/policy.toml").read_text().replace("share = 0.05 ", f"share = {SHARE} ")
        + '\n[[evaluator]]\nname = "short"\nkind = "length"\n'
        + f'\n[[evaluator]]\nname = "helpful"\nkind = "llm"\nafter = "short"\ngolden = "golden.ndjson"\n{judge}'
    )
    return {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        "ROLLGUARD_POLICY": str(policy),
        "ROLLGUARD_EVENTS_TOPIC": make_topic(PARTITIONS, **{"message.timestamp.type": "LogAppendTime"}),
        "ROLLGUARD_FEEDBACK_TOPIC": make_topic(PARTITIONS),
    }


def logs() -> list[list[bytes]]:
    random = Random(5)
    return [
        [json.dumps(event(random, f"p{number}-{n}", n)).encode() for n in range(EVENTS)] for number in range(PARTITIONS)
    ]


def event(random: Random, name: str, number: int) -> dict[str, Any]:
    output = f"answer {name} {'bad ' * random.randrange(3)}{random.choice(TROUBLE)}"
    body = {"request_id": name, "ts": START_MS + 100 * number, "model": "m", "version": "v1", "input": "how?"}
    return body | {"output": output, "slices": {"region": "eu"}}


def written(config: KafkaConfig, topic: str) -> list[tuple[dict[str, Any], bool]]:
    """What is in a topic, and of each whether readers take it for a copy."""
    found = []
    for number in range(PARTITIONS):
        reader = KafkaReader(config, topic, number, "beginning", HEADER)
        try:
            batches = list(read_all(reader))
        finally:
            reader.close()
        values = [value for batch in batches for value in batch.values]
        beside = [each for batch in batches for each in batch.beside]
        came = Messages(
            values=values, positions=range(len(values)), received_ms=np.zeros(len(values), np.int64), beside=beside
        )
        again, _ = copies(came, {})
        flags = np.zeros(len(values), bool) if again is None else again
        found += [(json.loads(value), bool(flag)) for value, flag in zip(values, flags, strict=True)]
    return found


def has_written(worker: Worker) -> bool:
    """Whether something was judged, and a whole epoch ended after it."""
    worker.wait(lambda: sum(worker.metrics("judged_total").values()) >= 10)
    epochs = sum(worker.metrics("epoch_seconds_count").values())
    worker.wait(lambda: sum(worker.metrics("epoch_seconds_count").values()) >= epochs + 2 * PARTITIONS)
    return True


def test_every_sampled_request_is_judged_once(
    environment: dict[str, str], kafka_config: KafkaConfig, server: JudgeServer, tmp_path: Path
) -> None:
    topic, feedback = environment["ROLLGUARD_EVENTS_TOPIC"], environment["ROLLGUARD_FEEDBACK_TOPIC"]
    values, folder, size = logs(), tmp_path / "evaluate", EVENTS // (KILLS + 1)
    options = ("--from", "beginning")
    for kill in range(KILLS):
        send(kafka_config, topic, [each[kill * size : (kill + 1) * size] for each in values])
        with working(folder, environment, *options, name="evaluate") as worker:
            assert has_written(worker)
            worker.kill()
        if kill == 0 and (folder / "state").exists():
            # Written, and not saved: as if all that was saved of it were lost with the process.
            shutil.rmtree(folder / "state")
    send(kafka_config, topic, [each[KILLS * size :] for each in values])
    with working(folder, environment, *options, name="evaluate") as worker:
        worker.drain(PARTITIONS)
        worker.wait(lambda: not any(worker.metrics("waiting").values()))
        worker.drain(PARTITIONS)
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    said = written(kafka_config, feedback)
    kept = [each for each, copy in said if not copy]
    assert len(kept) < len(said), "nothing was written twice: nothing was shown"
    drawn = drawn_of(values)
    assert len(drawn) > 0.8 * SHARE * PARTITIONS * EVENTS
    assert scored(kept) == sorted((name, criterion) for name in drawn for criterion in ("short", "help", "tone"))
    wanted = {each["request_id"]: 5 - each["output"].count("bad") for log in values for each in map(json.loads, log)}
    assert {each["name"] for each in kept if each["kind"] == "label"} == {"help"}
    assert all(each["value"] == wanted[each["request_id"]] for each in kept if each["name"] == "tone")
    judges = {
        each["trace_id"]
        for each, _ in written(kafka_config, topic)
        if each["model"] == "judge:helpful" and "trace_id" in each
    }
    assert judges == set(drawn)


def test_a_judge_whose_key_is_not_there_is_said_at_once(environment: dict[str, str], tmp_path: Path) -> None:
    policy = Path(environment["ROLLGUARD_POLICY"])
    policy.write_text(policy.read_text() + 'key_env = "NO_SUCH_KEY"\n')
    with working(tmp_path / "evaluate", environment, name="evaluate") as worker:
        assert worker.process.wait(WAIT_S) == 2
    assert "evaluator.helpful.key_env = 'NO_SUCH_KEY'" in worker.log.read_text().splitlines()[-1]


def drawn_of(values: list[list[bytes]]) -> list[str]:
    ids = [str(json.loads(each)["request_id"]) for log in values for each in log]
    return [name for name in ids if draw_of("short", name) < SHARE]


def scored(kept: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["request_id"], each["name"]) for each in kept if each["kind"] == "judge")


def test_two_processes_judge_each_request_once_through_a_kill_of_one(
    environment: dict[str, str], kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    """Each has a partition; the rest is judged by one process, on the store of two.

    They have a folder of policies: evaluators and rates that one file says hold for the models of all.
    """
    teams = tmp_path / "teams"
    teams.mkdir()
    for path in (Path(environment["ROLLGUARD_POLICY"]), tmp_path / "golden.ndjson"):
        path.rename(teams / path.name.replace("policy", "default"))
    (teams / "first.toml").write_text('models = ["m"]\n[slices]\ndimensions = ["tier"]\n[sli.ok]\ngood = "no_error"\n')
    environment |= {"ROLLGUARD_POLICY": str(teams)}
    topic, feedback = environment["ROLLGUARD_EVENTS_TOPIC"], environment["ROLLGUARD_FEEDBACK_TOPIC"]
    values, folder, size = logs(), tmp_path / "evaluate", EVENTS // 2
    send(kafka_config, topic, [each[:size] for each in values])
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(
                working(folder, environment, "--from", "beginning", "-i", str(number), "-a", addresses, name="evaluate")
            )
            for number in range(2)
        )
        for worker in (first, second):
            worker.wait(lambda each=worker: sum(each.metrics("judged_total").values()) >= 5)  # type: ignore[misc]
        second.kill()
        assert first.process.wait(WAIT_S) == 1
        assert "rollguard: another process of the cluster is gone" in first.log.read_text()
    send(kafka_config, topic, [each[size:] for each in values])
    with working(folder, environment, name="evaluate") as worker:
        worker.drain(PARTITIONS)
        worker.wait(lambda: not any(worker.metrics("waiting").values()))
        worker.drain(PARTITIONS)
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    kept = [each for each, copy in written(kafka_config, feedback) if not copy]
    wanted = sorted((name, criterion) for name in drawn_of(values) for criterion in ("short", "help", "tone"))
    assert scored(kept) == wanted
