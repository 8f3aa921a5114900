"""The archive on a real Kafka writes what a replay of the same logs writes, through kills and faults of ClickHouse."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from flows import cli, settings
from flows.archive.flow import INPUT
from flows.recovery.parts import parts_of
from flows.recovery.saved import saved_ids
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.kafka.config import KafkaConfig
from operators.sources.archive import log_of
from tests.integration.clickhouse_bridge import Bridge, Fault
from tests.integration.conftest import MakeTopic
from tests.integration.ports import free_ports
from tests.integration.test_page_json import shown
from tests.integration.test_worker import event, rollguard, send
from tests.integration.test_worker_processes import bridge
from tests.integration.working import WAIT_S, Worker, working
from tests.unit.test_page import get

__all__ = ["bridge"]  # A fixture.

PARTITIONS = 3
EVENTS = 2_400  # A partition.
START_MS = 1_760_000_000_000
# Where a message stood is told in other words for a file and for a topic, and `ver` follows from it.
LEFT_OUT = {"inserted_at", "source", "ver"}
KEY, SECRET = "ROLLGUARD_ID_KEY", "a-key-of-the-tests"


def line(random: Random, index: int) -> bytes:
    body = event(random, START_MS + index * 40, random.choice(["checkout", "search"]))
    body |= {"user_id": f"user-{random.randrange(100)}", "input": "write to ann@example.org", "output": "x" * 200}
    body |= {"retrieval": [{"id": f"d{random.randrange(9)}", "score": 0.5}], "tools": [{"name": "sum", "ok": True}]}
    text = json.dumps(body).encode()
    return text[:-9] if random.random() < 0.001 else text


@pytest.fixture(scope="module")
def logs() -> list[list[bytes]]:
    random = Random(13)
    return [[line(random, index) for index in range(EVENTS)] for _ in range(PARTITIONS)]


@pytest.fixture(scope="module")
def wanted(logs: list[list[bytes]], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a replay writes: each partition is a file."""
    folder = tmp_path_factory.mktemp("replay")
    paths = [folder / f"{number}.ndjson" for number in range(PARTITIONS)]
    for path, lines in zip(paths, logs, strict=True):
        path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, SECRET)
        rollguard("replay", *map(str, paths), "--archive", "--out", str(folder / "out"))
    return written(f"chdb://{folder}/out/clickhouse")


def written(url: str) -> list[str]:
    """All rows, in one order; offsets begin with 0, lines with 1."""
    client = open_clickhouse(url)
    try:
        result = client.query("SELECT * FROM request FINAL ORDER BY request_id, ts, model")
        rows = [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]
    finally:
        client.close()
    first = min(row["position"] for row in rows)
    return [
        repr(
            {name: value for name, value in row.items() if name not in LEFT_OUT} | {"position": row["position"] - first}
        )
        for row in rows
    ]


@pytest.fixture
def environment(kafka_config: KafkaConfig, make_topic: MakeTopic, bridge: Bridge) -> dict[str, str]:
    """An empty topic, and where the archive finds it."""
    return {
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": kafka_config.bootstrap_servers,
        "ROLLGUARD_EVENTS_TOPIC": make_topic(PARTITIONS, **{"message.timestamp.type": "LogAppendTime"}),
        "ROLLGUARD_DEADLETTER_TOPIC": make_topic(),
        "ROLLGUARD_CLICKHOUSE": bridge.url("rollguard"),
        KEY: SECRET,
    }


def archiving(folder: Path, environment: dict[str, str], *options: str) -> AbstractContextManager[Worker]:
    return working(folder, environment, *options, name="archive")


FAULTS: list[list[Fault]] = [
    ["stall", "lost_ack", "stall"],
    ["lost_ack", "unavailable", "stall"],
    ["too_many_parts", "lost_ack", "reset"],
    ["cannot_read", "lost_ack", "lost_ack"],
]


def test_kills_and_faults_of_clickhouse_do_not_show(
    environment: dict[str, str],
    wanted: list[str],
    logs: list[list[bytes]],
    kafka_config: KafkaConfig,
    bridge: Bridge,
    tmp_path: Path,
) -> None:
    parts = [[each[start : start + EVENTS // 6] for each in logs] for start in range(0, EVENTS, EVENTS // 6)]
    topic = environment["ROLLGUARD_EVENTS_TOPIC"]
    send(kafka_config, topic, parts[0])
    with archiving(tmp_path, environment) as worker:
        worker.wait(worker.ready)
        worker.kill()
    for faults, part in zip(FAULTS, parts[1:5], strict=True):
        bridge.order(*faults)
        send(kafka_config, topic, part)
        with archiving(tmp_path, environment, "--epoch", "0.1") as worker:
            # In the middle of an epoch: some of its rows are stored, or all, and it is not done.
            worker.wait(lambda: len(bridge.inserts()) > 0, every_s=0.02)
            worker.kill()
    bridge.order()
    with archiving(tmp_path, environment | {"ROLLGUARD_CLICKHOUSE_DEADLINE_S": "1"}) as worker:
        worker.drain(PARTITIONS)
        bridge.stop(kill=True)
        send(kafka_config, topic, parts[5])
        assert worker.process.wait(WAIT_S) == 1
        assert "not stored" in worker.log.read_text().splitlines()[-1]
    bridge.start()
    with archiving(tmp_path, environment) as worker:
        worker.drain(PARTITIONS)
        assert worker.ready()
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]
    found = written(environment["ROLLGUARD_CLICKHOUSE"])
    assert len(found) > PARTITIONS * EVENTS * 0.99
    assert found == wanted
    assert "bad_json" in worker.log.read_text()
    saved = saved_ids(parts_of(tmp_path / "state"), INPUT, log_of)
    assert len(saved) == PARTITIONS
    assert all(saved.values())
    _lose_and_make_again(environment, tmp_path / "new")
    assert written(environment["ROLLGUARD_CLICKHOUSE"]) == wanted


def _lose_and_make_again(environment: dict[str, str], folder: Path) -> None:
    """Drop the table, and do what infra/README.md says of that."""
    url = environment["ROLLGUARD_CLICKHOUSE"]
    client = open_clickhouse(url)
    client.command("DROP TABLE request SYNC")
    client.close()
    assert migrate(url, settings.migrations(), again=True) == ["table request, which was not there any more"]
    folder.mkdir()
    with archiving(folder, environment, "--from", "beginning") as worker:
        worker.drain(PARTITIONS)
        assert worker.stop() == 0, worker.log.read_text()[-2_000:]


def test_several_processes_write_the_same_rows_through_a_kill(
    environment: dict[str, str], wanted: list[str], logs: list[list[bytes]], kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    topic = environment["ROLLGUARD_EVENTS_TOPIC"]
    send(kafka_config, topic, [each[: EVENTS // 2] for each in logs])
    with processes(tmp_path, environment) as (first, second):
        first.wait(lambda: taken([first, second]) >= EVENTS // 2)
        second.kill()
        assert first.process.wait(WAIT_S) == 1
        assert "another process of the cluster is gone" in first.log.read_text()
    send(kafka_config, topic, [each[EVENTS // 2 :] for each in logs])
    with processes(tmp_path, environment) as workers:
        # Each partition is read by one of them.
        workers[0].wait(lambda: sum(len(each.metrics("lag")) for each in workers) == PARTITIONS)
        workers[0].wait(lambda: not any(lag for each in workers for lag in each.metrics("lag").values()))
        workers[0].wait(lambda: all(each.ready() for each in workers))
        assert all(taken([each]) > 0 for each in workers), "one had nothing to do"
        for each in workers:
            each.terminate()
        assert [each.process.wait(WAIT_S) for each in workers] == [0, 0]
    with archiving(tmp_path, environment) as worker:  # And one again, on the same store.
        worker.drain(PARTITIONS)
        assert worker.stop() == 0
    assert written(environment["ROLLGUARD_CLICKHOUSE"]) == wanted


@contextmanager
def processes(folder: Path, environment: dict[str, str]) -> Iterator[list[Worker]]:
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    with ExitStack() as stack:
        options = [("-i", str(number), "-a", addresses) for number in range(2)]
        yield [stack.enter_context(archiving(folder, environment, *each)) for each in options]


def taken(workers: list[Worker]) -> float:
    return sum(sum(each.metrics("items_total").values()) for each in workers)


FILES = {
    "checkout": 'models = ["checkout"]\n[archive]\ntexts = "none"\n[slices]\ndimensions = ["segment"]\n'
    '[sli.paid]\ngood = "no_error"\nerrors = ["timeout"]\n',
    "default": '[time]\npane = "5s"\n[time.idle]\nfeedback = "1s"\n[sli.quick]\ngood = "at_most"\n'
    'field = "latency_ms"\nlimit = 150\n',
}


def panes(url: str) -> dict[str, set[str]]:
    """The rows of SLIs by pane, by model."""
    client = open_clickhouse(url)
    try:
        rows = client.query("SELECT model, slice, pane_start, pane_ms, late, sli, good, bad FROM sli_pane FINAL")
        found: dict[str, set[str]] = {}
        for row in rows.result_rows:
            found.setdefault(row[0], set()).add(repr(row[1:]))
        return found
    finally:
        client.close()


def _slis(address: str) -> dict[str, list[str]]:
    """Those that the first page draws, by model."""
    return {each["model"]: [*each["slis"]] for each in shown(address, "index.json")["models"]}


def test_archive_and_monitor_run_side_by_side_with_a_folder_of_policies(
    environment: dict[str, str],
    logs: list[list[bytes]],
    kafka_config: KafkaConfig,
    make_topic: MakeTopic,
    tmp_path: Path,
) -> None:
    """What is the worker's holds for both, whichever file says it; what is a team's is in the rows of its models."""
    folder = tmp_path / "teams"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.toml").write_text(text)
    some = [each[:1_500] for each in logs]
    paths = [tmp_path / f"{number}.ndjson" for number in range(PARTITIONS)]
    for path, lines in zip(paths, some, strict=True):
        path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, SECRET)
        rollguard("replay", *map(str, paths), "--policy", str(folder), "--archive", "--out", str(tmp_path / "out"))
    replayed = f"chdb://{tmp_path}/out/clickhouse"
    whole, url = panes(replayed), environment["ROLLGUARD_CLICKHOUSE"]
    places = environment | {f"ROLLGUARD_{name}_TOPIC": make_topic() for name in ("FEEDBACK", "COMMANDS", "CONTROL")}
    send(kafka_config, places["ROLLGUARD_EVENTS_TOPIC"], some)
    options, page = ("--policy", str(folder)), f"127.0.0.1:{free_ports(1)[0]}"
    with (
        archiving(tmp_path / "archive", places, *options) as archive,
        working(tmp_path, places, *options, "--page", page) as monitor,
    ):
        archive.drain(PARTITIONS)
        monitor.wait(lambda: sum(map(len, panes(url).values())) > sum(map(len, whole.values())) // 2, every_s=0.5)
        monitor.wait(lambda: _slis(f"http://{page}/") == {"checkout": ["paid"], "search": ["quick"]}, every_s=0.5)
        assert len({each["hash"] for each in shown(f"http://{page}/", "policy.json")["policies"]}) == 2
        for name in whole:
            assert get(f"http://{page}/m/{name}")[0] == 200
        assert [each.stop() for each in (archive, monitor)] == [0, 0], monitor.log.read_text()[-2_000:]
    assert written(url) == written(replayed)
    found = panes(url)
    status = CliRunner().invoke(cli.app, ["status"], env=places).output
    assert re.findall(r"^(?:checkout|search) .* requests/s", status, flags=re.MULTILINE), status
    assert {"paid", "quick"} <= set(status.split())
    assert found.keys() == whole.keys() == {"checkout", "search"}
    for model, rows in found.items():
        assert rows <= whole[model]
    assert all("'paid'" in row and "segment=" in row and "region" not in row for row in found["checkout"])
    assert all("'quick'" in row and "region=" in row for row in found["search"])
    client = open_clickhouse(url)
    try:
        texts = client.query("SELECT DISTINCT input, output FROM request FINAL").result_rows
    finally:
        client.close()
    assert not any(any(row) for row in texts), "a file has said that no texts are kept"


def test_without_a_key_for_ids_it_does_not_start(tmp_path: Path) -> None:
    with archiving(tmp_path, {KEY: ""}) as worker:
        assert worker.process.wait(WAIT_S) == 2
    assert worker.log.read_text().splitlines()[-1].startswith("rollguard: archive.ids = 'hashed': needs a key")
