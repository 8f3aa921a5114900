"""The worker on a real Kafka writes what a replay of the same logs writes, byte by byte, through kills of either."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.wire.control import ControlEvent
from tests import forked
from tests.conftest import with_tables
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import TestBroker
from tests.integration.ports import free_ports
from tests.integration.reading import opened, read_all
from tests.integration.working import WAIT_S, Worker, brief_policy, working

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
EVENTS = 250_000 if PROVE else 5_000  # In each of four partitions.
PARTITIONS = 4
INPUTS = 2 * PARTITIONS + 1  # Events, feedback, commands.
START_MS = 1_760_000_000_000
SPACING_MS = 20 if PROVE else 40  # Between two events of a partition.
ENDS = 20  # Items that end a log, a pane apart: time follows no few of them.
REST_MS = 12 * 60_000  # From the last event to those that end its log: the longest window has ended by then.
# All windows have ended, whether or not this pane closes; it is not further, because each silent pane is judged, too.
END_MS = START_MS + EVENTS * SPACING_MS + REST_MS + ENDS * 10_000
TABLES = {
    "sli_pane": "model != 'end'",
    "outcome_pane": "model != 'end'",
    "measure_pane": "model != 'end'",
    "sli_window": "model != 'end'",
    "measure_window": "model != 'end'",
    "feedback": "model != 'end'",
    "verdict": "model != 'end'",
    "evidence": "model != 'end'",
    "release": "model != 'end'",
    "outcome_window": "model != 'end'",
    "drift": "model != 'end'",
    "drift_window": "model != 'end'",
    "feature_window": "model != 'end'",
    # Of a refused command it is told where it stood.
    "control": "NOT startsWith(rule, 'commands')",
    "dead_letter": "1",
}
# Where a message stood is told in other words for a file and for a topic.
LEFT_OUT = {"inserted_at", "source", "position"}

MONITORS = """
[drift]
profile = "profile.json"

[[monitor]]
name = "inputs"
kind = "psi"
on = ["features.amount", "features.card", "latency_ms"]
slices = ["*", "region"]
window = "1m"

[[monitor]]
name = "checked"
kind = "contract"
window = "5m"

[[monitor]]
name = "errors"
kind = "page_hinkley"
on = "sli.availability"
learned_from = 10

[[rule]]
name = "watched"
kind = "drift"
"""

Logs = dict[str, list[list[bytes]]]


def event(random: Random, ts: int, model: str) -> dict[str, Any]:
    return {
        "request_id": f"{random.getrandbits(64):x}",
        "ts": ts,
        "model": model,
        "version": random.choice(["v1", "v2"]),
        "slices": {"region": random.choice(["eu", "us"]), "segment": random.choice(["pro", "free"])},
        "error_type": random.choice([None] * 199 + ["timeout"]),
        "latency_ms": round(random.lognormvariate(5, 1), 3),
        "cost_usd": round(random.random() / 100, 9),
        "features": {"amount": round(random.lognormvariate(3, 1), 2), "card": random.choice(["visa", "amex", None])},
    }


def events(random: Random) -> list[bytes]:
    """One partition: mostly in order, some late, some bad; the last events close all panes before them."""
    log = []
    for index in range(EVENTS):
        late = random.randrange(60_000) if random.random() < 0.01 else 0
        body = event(random, START_MS + index * SPACING_MS - late, random.choice(["checkout", "search"]))
        if index > EVENTS // 2 and body["model"] == "search" and body["version"] == "v2" and random.random() < 0.2:
            body["error_type"] = "500"  # The harm that a rollback is for.
        line = json.dumps(body).encode()
        log.append(line[:-9] if random.random() < 0.0005 else line)
    return [*log, *(json.dumps(event(random, at, "end")).encode() for at in ends(END_MS))]


def ends(end_ms: int) -> range:
    """When the items are that end a log, the last one at `end_ms`."""
    return range(end_ms - (ENDS - 1) * 10_000, end_ms + 1, 10_000)


def feedback(random: Random) -> list[bytes]:
    kinds = {"kind": "judge", "source": "judge-1"}
    log = [
        json.dumps(
            event(random, START_MS + index * 20 * SPACING_MS, "checkout") | kinds | {"value": random.randint(1, 5)}
        ).encode()
        for index in range(EVENTS // 20)
    ]
    return [*log, *(json.dumps(event(random, at, "end") | kinds | {"value": 5}).encode() for at in ends(END_MS))]


def commands() -> list[bytes]:
    """A release, an override after the rollback, an alert muted; one of them twice, and one that is none."""
    release = {"type": "release", "model": "search", "candidate": "v2", "baseline": "v1"}
    override = {"type": "override", "model": "search", "version": "v2"}
    silence = {"type": "silence", "rule": "availability-slo", "until": START_MS + 3_600_000}
    log = [
        release | {"id": "c1", "ts": START_MS + 60_000, "metadata": {"candidate": {"prompt_version": "p2"}}},
        silence | {"id": "c2", "ts": START_MS + 70_000},
        {"type": "obey", "id": "c3", "ts": START_MS + 80_000},
        override | {"id": "c4", "ts": START_MS + EVENTS * SPACING_MS * 9 // 10},
        override | {"id": "c4", "ts": START_MS + EVENTS * SPACING_MS * 9 // 10},
        *({"type": "ack", "id": f"t{at}", "ts": at, "model": "end", "event": "none"} for at in ends(END_MS)),
    ]
    return [json.dumps(each).encode() for each in log]


@pytest.fixture(scope="module")
def logs(kept: dict[str, Any]) -> Logs:
    if "logs" not in kept:
        kept["logs"] = made(Random(7))
    return kept["logs"]  # type: ignore[no-any-return]


def made(random: Random) -> Logs:
    return {
        "events": [events(random) for _ in range(PARTITIONS)],
        "feedback": [feedback(random) for _ in range(PARTITIONS)],
        "commands": [commands()],
    }


def said(lines: Iterable[bytes]) -> list[bytes]:
    """Control events in order of model and revision, each once: after a crash one may be there twice, the same."""
    events = {line: msgspec.json.decode(line, type=ControlEvent) for line in lines}
    by_place = {(event.model, event.revision): line for line, event in events.items()}
    assert len(by_place) == len(events) == len({event.id for event in events.values()})
    return [line for _, line in sorted(by_place.items()) if not events[line].rule.startswith("commands")]


def contents(url: str) -> dict[str, list[str]]:
    """All rows of all tables but those of the model that ended the logs, in one order."""
    client = open_clickhouse(url)
    try:
        found = {}
        for table, where in TABLES.items():
            result = client.query(f"SELECT * FROM {table} FINAL WHERE {where}")  # noqa: S608
            kept = [index for index, name in enumerate(result.column_names) if name not in LEFT_OUT]
            found[table] = sorted(repr([row[index] for index in kept]) for row in result.result_rows)
        return found
    finally:
        client.close()


def rollguard(*arguments: str) -> None:
    done = forked.rollguard(*arguments)
    assert done.returncode == 0, done.stderr[-2_000:]


@pytest.fixture(scope="module")
def policy(kept: dict[str, Any], logs: Logs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default policy without blips and with monitors on, and a profile of the first quarter of an hour."""
    if "policy" not in kept:
        kept["policy"] = profiled(logs, tmp_path_factory.mktemp("policy"))
    return kept["policy"]  # type: ignore[no-any-return]


def profiled(logs: Logs, folder: Path) -> Path:
    (folder / "first.ndjson").write_bytes(b"\n".join(logs["events"][0][: EVENTS // 4]) + b"\n")
    fields = [part for name in ("features.amount", "features.card", "latency_ms") for part in ("--field", name)]
    rollguard("reference", "build", str(folder / "first.ndjson"), *fields, "--out", str(folder / "profile.json"))
    path = folder / "policy.toml"
    before, _, rest = brief_policy().partition("[drift]\n")  # Of the default policy, whose place these take.
    path.write_text(before + "[release]\n" + rest.partition("[release]\n")[2] + MONITORS)
    return path


@pytest.fixture(scope="module")
def wanted(
    kept: dict[str, Any], logs: Logs, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What a replay writes: each partition is a file."""
    if "wanted" not in kept:
        kept["wanted"] = replayed(logs, policy, tmp_path_factory.mktemp("replay"))
    return kept["wanted"]  # type: ignore[no-any-return]


def replayed(logs: Logs, policy: Path, folder: Path) -> dict[str, list[str]]:
    names: dict[str, list[Path]] = {}
    for stream, partitions in logs.items():
        names[stream] = [folder / f"{stream}-{index}.ndjson" for index in range(len(partitions))]
        for path, lines in zip(names[stream], partitions, strict=True):
            path.write_bytes(b"\n".join(lines) + b"\n")
    options = [part for path in names["feedback"] for part in ("--feedback", str(path))]
    options += [part for path in names["commands"] for part in ("--commands", str(path))]
    options += ["--policy", str(policy), "--out", str(folder / "out")]
    rollguard("replay", *map(str, names["events"]), *options)
    events = said((folder / "out" / "control.ndjson").read_bytes().splitlines())
    types = [msgspec.json.decode(line, type=ControlEvent).type for line in events]
    assert "rollback" in types
    return contents(f"chdb://{folder}/out/clickhouse") | {"control topic": [line.decode() for line in events]}


def send(config: KafkaConfig, topic: str, partitions: Sequence[Sequence[bytes]]) -> None:
    producer = KafkaProducer(config)
    for number, lines in enumerate(partitions):
        for line in lines:
            producer.send(KafkaMessage(topic, None, line, number))
    producer.flush()
    producer.close()


@pytest.fixture
def environment(
    kafka_config: KafkaConfig, make_topic: MakeTopic, logs: Logs, policy: Path, tmp_path: Path
) -> dict[str, str]:
    """Topics that hold the logs, and where the worker finds them."""
    place = places(kafka_config, make_topic, policy, tmp_path)
    for stream, partitions in logs.items():
        send(kafka_config, place[f"ROLLGUARD_{stream.upper()}_TOPIC"], partitions)
    return place


@pytest.fixture
def quiet(kafka_config: KafkaConfig, make_topic: MakeTopic, policy: Path, tmp_path: Path) -> dict[str, str]:
    """The same with nothing in the topics."""
    return places(kafka_config, make_topic, policy, tmp_path)


def places(config: KafkaConfig, make_topic: MakeTopic, policy: Path, folder: Path) -> dict[str, str]:
    """Empty topics, and a folder for the tables."""
    by_broker = {"message.timestamp.type": "LogAppendTime"}
    return {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": config.bootstrap_servers,
        "ROLLGUARD_EVENTS_TOPIC": make_topic(PARTITIONS, **by_broker),
        "ROLLGUARD_FEEDBACK_TOPIC": make_topic(PARTITIONS, **by_broker),
        "ROLLGUARD_COMMANDS_TOPIC": make_topic(1, **by_broker),
        "ROLLGUARD_CONTROL_TOPIC": make_topic(),
        "ROLLGUARD_DEADLETTER_TOPIC": make_topic(),
        "ROLLGUARD_CLICKHOUSE": with_tables(folder),
        "ROLLGUARD_POLICY": str(policy),
        "RUST_BACKTRACE": "0",
    }


def finish(worker: Worker) -> None:
    worker.drain(INPUTS)
    assert worker.ready()
    assert worker.stop() == 0, worker.log.read_text()[-2_000:]


def finish_one(at: Path, environment: dict[str, str], *options: str) -> None:
    """Start a worker, and let it finish."""
    with working(at, environment, *options) as worker:
        finish(worker)


def letters(config: KafkaConfig, topic: str) -> set[tuple[str, int, int]]:
    """Which items have a letter in the topic; after a crash one may be there twice."""
    with opened(config, topic) as reader:
        told = [json.loads(value) for batch in read_all(reader) for value in batch.values]
    return {(letter["source"], letter["position"], letter["item"]) for letter in told}


def written(environment: dict[str, str]) -> dict[str, list[str]]:
    """What the worker left: the tables, and the control topic."""
    config = KafkaConfig(bootstrap_servers=environment["ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS"])
    with opened(config, environment["ROLLGUARD_CONTROL_TOPIC"]) as reader:
        events = said(value for batch in read_all(reader) for value in batch.values)
    tables = contents(environment["ROLLGUARD_CLICKHOUSE"])
    return tables | {"control topic": [line.decode() for line in events]}


def test_kills_of_the_worker_do_not_show(
    environment: dict[str, str], wanted: dict[str, Any], kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    for share in (0.1, 0.15, 0.3):
        with working(tmp_path, environment) as worker:
            worker.wait_for_items(int(PARTITIONS * EVENTS * share))
            if share == 0.3:  # The others are killed before anything is saved.
                worker.wait_for_epochs(2 * INPUTS)
            worker.kill()
    # The last one is watched on its page meanwhile, which does not show either.
    (port,) = free_ports(1)
    with working(tmp_path, environment, "--page", f"127.0.0.1:{port}") as worker:
        worker.drain(INPUTS)
        with urlopen(f"http://127.0.0.1:{port}/m/search/r/v2.json", timeout=30) as answer:
            release = json.load(answer)
        finish(worker)
    assert release["release"]["baseline"] == "v1"
    assert {"hold", "rollback"} & {event["type"] for event in release["events"]}
    assert release["table"]["rows"][0]["slice"] == "*"
    found = written(environment)
    for table, rows in wanted.items():
        assert len(rows) > 0
        assert found[table] == rows, table
    assert len(letters(kafka_config, environment["ROLLGUARD_DEADLETTER_TOPIC"])) == len(wanted["dead_letter"])


def test_a_kill_of_the_broker_does_not_show(
    environment: dict[str, str], wanted: dict[str, Any], kafka: TestBroker, tmp_path: Path
) -> None:
    with working(tmp_path, environment) as worker:
        worker.wait_for_items(EVENTS)
        kafka.kill()
        kafka.start()
        finish(worker)
    found = written(environment)
    for table, rows in wanted.items():
        assert found[table] == rows, table


def test_a_second_worker_on_the_same_store_is_refused(quiet: dict[str, str], tmp_path: Path) -> None:
    with working(tmp_path, quiet) as first:
        first.wait(first.ready)
        with working(tmp_path, quiet | {"ROLLGUARD_CLICKHOUSE": f"chdb://{tmp_path}/other"}) as second:
            assert second.process.wait(WAIT_S) == 1
        assert "another worker is using this recovery store" in first.log.read_text()


def test_a_policy_with_panes_of_another_length_goes_on(
    quiet: dict[str, str], kafka_config: KafkaConfig, logs: Logs, tmp_path: Path
) -> None:
    send(kafka_config, quiet["ROLLGUARD_EVENTS_TOPIC"], [lines[:100] for lines in logs["events"]])
    finish_one(tmp_path, quiet)
    text, other = brief_policy(), tmp_path / "policy.toml"
    assert text.count('pane = "10s"') == 1
    other.write_text(text.replace('pane = "10s"', 'pane = "5s"'))
    finish_one(tmp_path, quiet, "--policy", str(other))


def test_closed_panes_are_kept_in_a_file_of_the_recovery_folder(
    quiet: dict[str, str], kafka_config: KafkaConfig, logs: Logs, tmp_path: Path
) -> None:
    minute = 60_000 // SPACING_MS  # In less no pane would close.
    send(kafka_config, quiet["ROLLGUARD_EVENTS_TOPIC"], [lines[:minute] for lines in logs["events"]])
    with working(tmp_path, quiet) as worker:
        worker.wait(lambda: unnamed_bytes(worker.process.pid, tmp_path / "state") > 1_000)


def unnamed_bytes(pid: int, folder: Path) -> int:
    """The size of what a process has open in a folder without a name."""
    total = 0
    for at in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # Others come and go.
            place = os.readlink(at)
            total += at.stat().st_size if place.startswith(str(folder)) and place.endswith("(deleted)") else 0
    return total


def test_a_topic_that_is_missing_is_named(quiet: dict[str, str], tmp_path: Path) -> None:
    with working(tmp_path, quiet | {"ROLLGUARD_EVENTS_TOPIC": "no-such-topic"}) as worker:
        assert worker.process.wait(WAIT_S) == 1
    assert "no-such-topic" in worker.log.read_text().splitlines()[-1]


def test_a_policy_file_becomes_a_folder_and_a_file_again(
    quiet: dict[str, str], kafka_config: KafkaConfig, logs: Logs, tmp_path: Path
) -> None:
    """On one recovery folder; what cannot go on is refused with key and value."""
    send(kafka_config, quiet["ROLLGUARD_EVENTS_TOPIC"], [lines[:100] for lines in logs["events"]])
    finish_one(tmp_path, quiet)
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "default.toml").write_text(brief_policy())
    (folder / "search.toml").write_text(f'models = ["search-*"]\n{brief_policy()}')
    finish_one(tmp_path, quiet, "--policy", str(folder))
    finish_one(tmp_path, quiet)
    (folder / "default.toml").write_text(f"{brief_policy()}\n[worker]\nshards = 4\n")
    with working(tmp_path, quiet, "--policy", str(folder)) as worker:
        assert worker.process.wait(WAIT_S) == 2
    assert "worker.shards = 4: must be 16, as in the recovery folder" in worker.log.read_text()
