"""Feedback that names a request alone comes to what it would come to with its context, through files and Kafka.

Enrich is killed between writing and saving, and the monitor's tables are those of an undisturbed run.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.reader import KafkaReader
from operators.ingest.relayed import HEADER
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.conftest import MakeTopic
from tests.integration.ports import free_ports
from tests.integration.reading import opened, read_all, values_of
from tests.integration.test_worker import (
    ENDS,
    REST_MS,
    contents,
    ends,
    event,
    letters,
    places,
    rollguard,
    said,
    send,
    written,
)
from tests.integration.working import WAIT_S, Worker, brief_policy, working

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
KILLS = 20 if PROVE else 3
PARTITIONS = 2
EVENTS = 1_500  # A partition.
START_MS, SPACING_MS = 1_760_000_000_000, 320
END_MS = START_MS + EVENTS * SPACING_MS + REST_MS + ENDS * 10_000
RELEASED_MS = 330_000  # After the first event; versions of the first five minutes are old ones.
UNKNOWN = 7  # A partition: ids of no request.
SECRET = {"ROLLGUARD_ID_KEY": "a-key-of-the-tests"}
SEARCH = 'models = ["search"]\n[slices]\ndimensions = ["tier"]\n[sli.ok]\ngood = "no_error"\n'
NAMED = ("model", "version", "slices", "request_ts", "score")
CONTEXT = ("model", "version", "slices", "prediction", "score", "mirrored", "user_id")

Lines = list[list[bytes]]
Wanted = tuple[dict[str, list[str]], Path]


def events(random: Random, name: str) -> list[dict[str, Any]]:
    log = []
    for index in range(EVENTS):
        body = event(random, START_MS + index * SPACING_MS, random.choice(["checkout", "search"]))
        body |= {"request_id": f"{name}-{index}", "prediction": random.choice(["spam", "ham", 1, 0.5, True])}
        body |= {"score": random.random(), "user_id": f"user-{index % 50}", "mirrored": random.random() < 0.01}
        if index * SPACING_MS < RELEASED_MS:
            body["version"] = "v1"
        elif body["version"] == "v2" and random.random() < 0.3:
            body["error_type"] = "500"  # The harm that a rollback is for.
        log.append(body)
    return log


def feedback(random: Random, known: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Labels and judgements on a half of the requests, some half a minute later, with their context."""
    log = []
    for request in known:
        if random.random() < 0.5:
            kind = random.choice(["label", "judge", "thumbs"])
            value = random.choice([request["prediction"], "spam"]) if kind == "label" else random.randint(0, 5)
            body = {"request_id": request["request_id"], "ts": request["ts"] + random.randrange(28_000, 32_000)}
            body |= {"kind": kind, "value": value, "source": "s", "request_ts": request["ts"]}
            log.append(body | {name: request[name] for name in CONTEXT})
    return sorted(log, key=lambda each: each["ts"])


def bare(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in {*CONTEXT, "request_ts"}}


def lines(items: Sequence[dict[str, Any]], random: Random) -> list[bytes]:
    """With the items that end a log."""
    last = [event(random, at, "end") | {"kind": "judge", "source": "s", "value": 5} for at in ends(END_MS)]
    return [json.dumps(each).encode() for each in [*items, *last]]


@pytest.fixture(scope="module")
def logs() -> dict[str, Lines]:
    """The same feedback with context and without, and what nobody can join among the latter."""
    random = Random(17)
    known = [events(random, f"p{number}") for number in range(PARTITIONS)]
    full = [feedback(random, each) for each in known]
    raw = [[*map(bare, each)] for each in full]
    for number, each in enumerate(raw):
        for at in range(UNKNOWN):
            each.insert(100 * at, bare(each[100 * at]) | {"request_id": f"nobody-{number}-{at}"})
    made = {"events": known, "full": full, "raw": raw}
    return {name: [lines(each, Random(number)) for number, each in enumerate(some)] for name, some in made.items()}


def waiting(wait: str) -> str:
    text = brief_policy()
    assert 'wait = "60s"' in text
    return text.replace('wait = "60s"', f'wait = "{wait}"')


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(waiting("2s"))
    return path


def replayed(folder: Path, logs: dict[str, Lines], stream: str, policy: Path, *options: str) -> dict[str, list[str]]:
    folder.mkdir()
    names: dict[str, list[str]] = {}
    for name in ("events", stream):
        names[name] = [str(folder / f"{name}-{number}.ndjson") for number in range(PARTITIONS)]
        for path, some in zip(names[name], logs[name], strict=True):
            Path(path).write_bytes(b"\n".join(some) + b"\n")
    given = [part for path in names[stream] for part in ("--feedback", path)]
    rollguard("replay", *names["events"], *given, *options, "--policy", str(policy), "--out", str(folder / "out"))
    told = said((folder / "out" / "control.ndjson").read_bytes().splitlines())
    return contents(f"chdb://{folder}/out/clickhouse") | {"control topic": [line.decode() for line in told]}


@pytest.fixture(scope="module")
def wanted(logs: dict[str, Lines], policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    """What feedback with context comes to, and a store that has the request log."""
    folder = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLLGUARD_ID_KEY", SECRET["ROLLGUARD_ID_KEY"])
        found = replayed(folder / "full", logs, "full", policy, "--archive")
    assert len(found["feedback"]) > PARTITIONS * EVENTS * 0.4
    assert "rollback" in {json.loads(line)["type"] for line in found["control topic"]}
    return found, folder / "full" / "out" / "clickhouse"


def same(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> None:
    for table, rows in wanted.items():
        if table != "dead_letter":
            assert found[table] == rows, table


def test_a_replay_joins_by_itself(
    logs: dict[str, Lines], policy: Path, wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLGUARD_ID_KEY", SECRET["ROLLGUARD_ID_KEY"])  # It draws which events are compared.
    found = replayed(tmp_path / "raw", logs, "raw", policy)
    same(found, wanted[0])
    assert len(found["dead_letter"]) == len(wanted[0]["dead_letter"]) + PARTITIONS * UNKNOWN
    assert sum("no_request" in row for row in found["dead_letter"]) == PARTITIONS * UNKNOWN


@pytest.fixture
def environment(
    kafka_config: KafkaConfig,
    make_topic: MakeTopic,
    policy: Path,
    wanted: Wanted,
    tmp_path: Path,
) -> dict[str, str]:
    by_broker = {"message.timestamp.type": "LogAppendTime"}
    made = places(kafka_config, make_topic, policy, tmp_path)
    made |= {
        f"ROLLGUARD_{name}_TOPIC": make_topic(PARTITIONS, **by_broker)
        for name in ("EVENTS", "FEEDBACK", "RAW_FEEDBACK")
    }
    return made | SECRET


@pytest.fixture
def request_log(wanted: Wanted) -> Iterator[Bridge]:
    made = Bridge(wanted[1])
    made.start()
    try:
        yield made
    finally:
        made.stop()


def headers(config: KafkaConfig, topic: str) -> list[list[bytes]]:
    """Where each message of each partition came from."""
    found = []
    for number in range(PARTITIONS):
        reader = KafkaReader(config, topic, number, "beginning", HEADER)
        try:
            found.append([header for batch in read_all(reader) for _, header in batch.beside])
        finally:
            reader.close()
    return found


def count(config: KafkaConfig, topic: str) -> int:
    return sum(map(len, headers(config, topic)))


def has_more(config: KafkaConfig, topic: str, before: int) -> bool:
    return count(config, topic) > before


def sent(config: KafkaConfig, topic: str) -> list[dict[str, Any]]:
    """What enrich wrote."""
    found = []
    for number in range(PARTITIONS):
        with opened(config, topic, partition=number) as reader:
            found += [json.loads(value) for value in values_of(read_all(reader))]
    return found


@contextmanager
def processes(folder: Path, environment: dict[str, str]) -> Iterator[list[Worker]]:
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    with ExitStack() as stack:
        options = [("-i", str(number), "-a", addresses) for number in range(2)]
        yield [stack.enter_context(working(folder, environment, *each, name="enrich")) for each in options]


def values(workers: Sequence[Worker], name: str) -> list[float]:
    return [value for worker in workers for value in worker.metrics(name).values()]


def test_kills_between_write_and_save_do_not_show(
    environment: dict[str, str],
    logs: dict[str, Lines],
    wanted: Wanted,
    request_log: Bridge,
    kafka_config: KafkaConfig,
    tmp_path: Path,
) -> None:
    send(kafka_config, environment["ROLLGUARD_EVENTS_TOPIC"], logs["events"])
    place = environment | {"ROLLGUARD_CLICKHOUSE": request_log.url("rollguard")}
    size = max(map(len, logs["raw"])) // KILLS + 1
    state = tmp_path / "enrich" / "state"
    for kill in range(KILLS):
        part = [each[kill * size : (kill + 1) * size] for each in logs["raw"]]
        send(kafka_config, environment["ROLLGUARD_RAW_FEEDBACK_TOPIC"], part)
        before = count(kafka_config, environment["ROLLGUARD_FEEDBACK_TOPIC"])
        with working(tmp_path / "enrich", place, name="enrich") as worker:
            worker.wait(partial(has_more, kafka_config, environment["ROLLGUARD_FEEDBACK_TOPIC"], before))
            worker.kill()
        if kill == 0 and state.exists():
            # Written, and not saved: as if all that was saved of it were lost with the process.
            shutil.rmtree(state)
    with processes(tmp_path / "enrich", place) as workers:  # The rest by two, on the store of one.
        workers[0].wait(lambda: len(values(workers, "lag")) == PARTITIONS and not any(values(workers, "lag")))
        workers[0].wait(lambda: not any(values(workers, "waiting")))
        epochs = sum(values(workers, "epoch_seconds_count"))
        workers[0].wait(lambda: sum(values(workers, "epoch_seconds_count")) >= epochs + 3 * PARTITIONS)
        assert all(worker.ready() for worker in workers)
        for worker in workers:
            worker.terminate()
        assert [worker.process.wait(WAIT_S) for worker in workers] == [0, 0], workers[0].log.read_text()[-2_000:]
    came = headers(kafka_config, environment["ROLLGUARD_FEEDBACK_TOPIC"])
    assert sum(map(len, came)) > sum(len(set(each)) for each in came), "nothing was written twice: nothing was shown"
    with working(tmp_path / "monitor", environment) as monitor:
        monitor.drain(2 * PARTITIONS + 1)
        # Panes close once nobody waits for commands any more, of which there are none.
        monitor.wait(lambda: sum(monitor.metrics("idle_total").values()) >= 1)
        monitor.drain(2 * PARTITIONS + 1)
        assert monitor.stop() == 0, monitor.log.read_text()[-2_000:]
    same(written(environment), wanted[0])
    raw = environment["ROLLGUARD_RAW_FEEDBACK_TOPIC"]
    lost = letters(kafka_config, environment["ROLLGUARD_DEADLETTER_TOPIC"])
    assert sum(source.startswith(raw) for source, _, _ in lost) == PARTITIONS * UNKNOWN


def test_what_is_not_archived_yet_is_waited_for(
    environment: dict[str, str], logs: dict[str, Lines], request_log: Bridge, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    """The request log is away, comes back empty, and gets its requests while feedback waits for them.

    Archive and enrich have a folder of policies: what one file alone says of [enrich] holds for the models of both.
    """
    empty = Bridge(tmp_path / "empty")
    empty.start()
    try:
        place = environment | {"ROLLGUARD_CLICKHOUSE": empty.url("rollguard"), "ROLLGUARD_READY_S": "30"}
        patient = tmp_path / "teams"
        patient.mkdir()
        (patient / "default.toml").write_text(waiting("5m"))
        (patient / "search.toml").write_text(SEARCH)
        place["ROLLGUARD_POLICY"] = str(patient)
        some = [each[1:50] for each in logs["raw"]]
        with working(tmp_path / "enrich", place, name="enrich") as worker:
            worker.wait(worker.ready)
            empty.stop(kill=True)
            send(kafka_config, environment["ROLLGUARD_RAW_FEEDBACK_TOPIC"], some)
            worker.wait(lambda: "ClickHouse does not answer" in worker.readiness()[1])
            empty.start()
            worker.wait(worker.ready)
            worker.wait(lambda: sum(worker.metrics("waiting").values()) == PARTITIONS * 49)
            assert sum(worker.metrics("items_total").values()) == 0
            send(kafka_config, environment["ROLLGUARD_EVENTS_TOPIC"], [each[:1_000] for each in logs["events"]])
            with working(tmp_path / "archive", place, name="archive") as archive:
                worker.wait(lambda: sum(worker.metrics("items_total").values()) == PARTITIONS * 49)
                assert archive.stop() == 0
            assert worker.stop() == 0
        wanted = {each["request_id"]: each for log in logs["full"] for each in map(json.loads, log[:-ENDS])}
        found = sent(kafka_config, place["ROLLGUARD_FEEDBACK_TOPIC"])
        assert len(found) == PARTITIONS * 49
        assert {each["model"] for each in found} == {"checkout", "search"}
        for each in found:
            request = wanted[each["request_id"]]
            assert {name: each[name] for name in NAMED} == {name: request[name] for name in NAMED}
    finally:
        empty.stop()


def test_a_topic_that_is_missing_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    with working(tmp_path, environment | {"ROLLGUARD_RAW_FEEDBACK_TOPIC": "no-such-topic"}, name="enrich") as worker:
        assert worker.process.wait(WAIT_S) == 1
    assert "no-such-topic" in worker.log.read_text().splitlines()[-1]
