"""The real program in a process of its own: what it leaves behind, and what it says when something is wrong.

Wrong use and wrong policies exit 2, failures at work exit 1, each with one line on standard error: no traceback, no
panic of the engine.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import IO, Any

import pytest

from flows.settings import embedded
from flows.sql import answer as answer_sql
from operators.connectors.clickhouse.client import held
from operators.store.columns import TABLES
from tests import forked
from tests.dataflows.agreeing import FOUR_BYTES, check
from tests.dataflows.making import POLICY, START_MS, log
from tests.dataflows.running import Table
from tests.oracle import Log, answer

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ROLLGUARD_")}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)]


def rollguard(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return forked.rollguard(*arguments, environment=ENVIRONMENT | environment, folder=ROOT)


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on standard error of a run that failed as it should."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("rollguard: ")
    return lines[0]


def text_of(made: Log) -> bytes:
    """The log as lines; an array stays on its line, and lines of one message become lines of their own."""
    return b"".join(message.rstrip(b"\r\n") + b"\n" for message in made.messages)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files of events, one of feedback and a policy."""
    path = tmp_path_factory.mktemp("files")
    (path / "policy.toml").write_text(POLICY)
    (path / "a.ndjson").write_bytes(text_of(log("a", Random(1), 500, oddities=False)))
    (path / "b.ndjson").write_bytes(text_of(log("b", Random(2), 60, oddities=False, spacing_ms=1_000)))
    (path / "f.ndjson").write_bytes(text_of(log("f", Random(3), 100, stream="feedback", oddities=False)))
    return path


def query(data: Path, sql: str) -> list[str]:
    return answer_sql(embedded(data), sql, "csv", []).splitlines()


def replay(folder: Path, out: Path, *files: str) -> subprocess.CompletedProcess[str]:
    events = [folder / name for name in files]
    return rollguard(
        "replay", *events, "--feedback", folder / "f.ndjson", "--policy", folder / "policy.toml", "--out", out
    )


def contents(data: Path) -> str:
    """All panes and windows as the database has them, floats to their last bit."""
    columns = {
        table: [
            f"reinterpretAsUInt64({name}) AS {name}_bits" if kind == "float64" else f"toString({name}) AS {name}_text"
            for name, kind in TABLES[table].items()
        ]
        for table in TABLES
        if table.endswith(("_pane", "_window"))
    }
    parts = [
        f"SELECT '{table}' AS t, cityHash64(groupArray(row)) AS hash, length(groupArray(row)) AS n FROM "  # noqa: S608
        f"(SELECT tuple({', '.join(names)}) AS row FROM {table} FINAL ORDER BY row)"
        for table, names in columns.items()
    ]
    return "\n".join(sorted(query(data, " UNION ALL ".join(parts))))


def test_the_database_holds_what_the_oracle_says(folder: Path, tmp_path: Path) -> None:
    """From files to FINAL tables; the second time with the files named in the other order."""
    first = replay(folder, tmp_path / "one", "a.ndjson", "b.ndjson")
    second = replay(folder, tmp_path / "two", "b.ndjson", "a.ndjson")
    assert (first.returncode, first.stderr, second.returncode) == (0, "", 0)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    logs = [
        Log(str(folder / f"{name}.ndjson"), stream, (folder / f"{name}.ndjson").read_bytes().splitlines(keepends=True))
        for name, stream in (("a", "events"), ("b", "events"), ("f", "feedback"))
    ]
    wanted = answer(POLICY, logs, int(time.time() * 1_000))
    # A replay joins feedback by its request's id, of which none is known here.
    unknown = {
        (source, position, item, "no_request" if why == "no_context" else why)
        for source, position, item, why in wanted.rejects
    }
    wanted = wanted._replace(rejects=unknown)
    check(_tables(tmp_path / "one"), wanted, POLICY, rounded=FOUR_BYTES)
    summary = json.loads((tmp_path / "one" / "summary.json").read_text())
    assert summary["events"] + summary["feedback"] == len(wanted.items)
    assert summary["late"] == sum(item.late for item in wanted.items)
    assert sum(summary["rejects"].values()) == len(wanted.rejects)
    letters = (tmp_path / "one" / "deadletter.ndjson").read_text().splitlines()
    assert len(letters) == len(wanted.rejects)
    assert summary["complete"] is True


def _tables(data: Path) -> Table:
    # Held open all the while, because the embedded engine ends with its last client and starts slowly.
    with held(embedded(data)):
        return {table: _rows(data, table, kinds) for table, kinds in TABLES.items() if table != "feedback"}


def _rows(data: Path, table: str, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    columns = [
        f"toUnixTimestamp64Milli({name}) AS {name}" if kind == "time_ms"
        else f"toString(toInt256({name} * 1000000000)) AS {name}" if kind == "decimal9"
        else name
        for name, kind in kinds.items()
    ]  # fmt: skip
    sql = f"SELECT {', '.join(columns)} FROM {table} FINAL"  # noqa: S608  # Names from our own catalogue.
    rows = [json.loads(line) for line in answer_sql(embedded(data), sql, "json", []).splitlines()]
    return [row | {"sum": int(row["sum"])} if "sum" in row else row for row in rows]


def test_check_says_what_a_policy_keeps(folder: Path) -> None:
    done = rollguard("check", "--policy", folder / "policy.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "is valid" in done.stdout
    assert "SLI availability" in done.stdout


@pytest.mark.parametrize("name", ["check", "replay"])
def test_a_wrong_policy_is_one_line(folder: Path, tmp_path: Path, name: str) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.replace('tumbling = ["30s"]', 'tumbling = ["7s"]'))
    files = [folder / "a.ndjson", "--out", tmp_path / "out"] if name == "replay" else []
    line = one_line(rollguard(name, *files, "--policy", policy), 2)
    assert line == "rollguard: windows.tumbling = '7s': must be a multiple of time.pane (10s)"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("ROLLGUARD_LOG_LEVEL", "loud"), ("ROLLGUARD_CLICKHOUSE", "ftp://x"), ("ROLLGUARD_POLICY", "nope")],
)
def test_a_wrong_variable_is_one_line(name: str, value: str) -> None:
    """A wrong level once exited 1, and a wrong address ended in a traceback."""
    line = one_line(rollguard("check", **{name: value}), 2)
    assert value in line or name in line


def _missing(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    return [tmp / "missing.ndjson", "--out", tmp / "out"], f"{tmp}/missing.ndjson: No such file or directory", 2


def _directory(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    return [tmp, "--out", tmp / "out"], f"{tmp}: Is a directory", 2


def _corrupt(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    path = tmp / "corrupt.ndjson.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00" + b"\xff" * 1_000)
    return [folder / "a.ndjson", path, "--out", tmp / "out"], f"{path}: cannot be read: ", 1


def _twice(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    """It was once read once, in silence; and named as events and feedback, its events were lost."""
    again = folder / ".." / folder.name / "a.ndjson"
    return [folder / "a.ndjson", "--feedback", again, "--out", tmp / "out"], "the same file is named twice", 2


def _not_empty(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    (tmp / "precious").write_text("x")
    return [folder / "a.ndjson", "--out", tmp], f"{tmp}: the folder is not empty", 1


def _under_a_file(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    return [folder / "a.ndjson", "--out", folder / "a.ndjson" / "out"], "Not a directory", 2


def _broken_producer(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    """The default share of dead letters, 0.2 of 1,000 items, stops a run that is to stop."""
    path, rules = tmp / "bad.ndjson", tmp / "stop.toml"
    default = Path("flows/policy.toml").read_text()
    rules.write_text(default.replace('on_refused = "quarantine"', 'on_refused = "stop"'))
    path.write_text('{"request_id": 1}\n' * 2_000)
    says = f"{path}: 1000 of 1000 messages were refused, allowed is a share of 0.2 (dead_letters.share_max)"
    return [path, "--policy", rules, "--out", tmp / "out"], says, 1


def _question_mark(folder: Path, tmp: Path) -> tuple[list[object], str, int]:
    """The engine itself cannot open such a folder; the store once lay in another one."""
    return [folder / "a.ndjson", "--out", tmp / "wh?at"], "choose another name", 1


@pytest.mark.parametrize(
    "case",
    [
        _missing,
        _directory,
        _corrupt,
        _twice,
        _not_empty,
        _under_a_file,
        _broken_producer,
        _question_mark,
    ],
    ids=lambda case: case.__name__.strip("_"),
)
def test_what_goes_wrong_is_one_line(
    folder: Path, tmp_path: Path, case: Callable[[Path, Path], tuple[list[object], str, int]]
) -> None:
    arguments, says, code = case(folder, tmp_path)
    policy = [] if "--policy" in arguments else ["--policy", folder / "policy.toml"]
    line = one_line(rollguard("replay", *arguments, *policy), code)
    assert says in line


def test_a_folder_with_an_odd_name_holds_its_own_store(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "100%41 #1"
    done = replay(folder, out, "b.ndjson")
    assert done.returncode == 0, done.stderr
    assert (out / "clickhouse").is_dir()
    asked = rollguard("sql", "SELECT count() AS n FROM sli_pane", "--data", out, "--format", "json")
    assert json.loads(asked.stdout)["n"] > 0, asked.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """One line, exit code 1, and a store that can be opened: what it holds is whole panes.

    The input is a pipe that ends after the signal, so that this always comes in the middle.
    """
    pipe, out = tmp_path / "events.ndjson", tmp_path / "out"
    os.mkfifo(pipe)
    said, errors = tmp_path / "said", tmp_path / "errors"
    process = forked.forge().start(["replay", pipe, "--out", out], said, errors, environment=ENVIRONMENT, folder=ROOT)
    try:
        with _read_by_somebody(pipe):
            process.send_signal(number)
        process.wait(600)
    finally:
        process.kill()
    assert process.returncode == 1, errors.read_text()
    assert errors.read_text().splitlines() == ["rollguard: interrupted: not all panes are closed"]
    assert json.loads((out / "summary.json").read_text())["complete"] is False
    counts = query(out, "SELECT DISTINCT n FROM outcome_pane FINAL WHERE late = 0 ORDER BY n")[1:]
    assert "363" in counts, "the first minute, in the middle of which it began"
    assert set(counts) <= {"363", "600", "237"}, "whole minutes, but for the first and the last"


def _read_by_somebody(pipe: Path) -> IO[bytes]:
    """Return a pipe out of which an hour of events was read, still open.

    The hour is more than a pipe holds: once it is written, it is being read. Whoever only looks whether the file can
    be opened goes away in the middle.
    """
    while True:
        file = pipe.open("wb", buffering=0)
        try:
            file.write(_an_hour_of_events())
        except BrokenPipeError:
            file.close()
        else:
            return file


def _an_hour_of_events() -> bytes:
    line = '{{"request_id": "r{}", "ts": {}, "model": "m", "version": "v", "latency_ms": 5}}\n'
    return "".join(line.format(index, START_MS + index * 100) for index in range(36_000)).encode()


def test_the_request_log_is_written_asked_and_a_user_forgotten(tmp_path: Path) -> None:
    event = {"ts": START_MS, "model": "m", "version": "v1", "user_id": "ann", "input": "I am ann@example.org"}
    users = {"r1": "ann", "r2": "bob", "['x']": "bob", "[y": "bob"}
    lines = [json.dumps(event | {"request_id": name, "user_id": user}) for name, user in users.items()]
    lines.append(json.dumps(event | {"request_id": "r2", "model": "n", "user_id": "bob"}))
    (tmp_path / "events.ndjson").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    words = ("replay", tmp_path / "events.ndjson", "--archive", "--out", out)
    assert "needs a key: set ROLLGUARD_ID_KEY" in one_line(rollguard(*words), 2)
    key = {"ROLLGUARD_ID_KEY": "a-key-of-the-tests"}
    done = rollguard(*words, **key)
    assert "5 request" in done.stdout, done.stderr
    asked = rollguard("request", "r1", "--data", out).stdout
    assert "I am [EMAIL]" in asked
    assert "ann" not in asked
    assert rollguard("forget", "ann", "--data", out, **key).stdout.endswith("1 rows of request deleted\n")
    assert "no request r1" in one_line(rollguard("request", "r1", "--data", out), 1)
    assert "answered by several models, m, n: say which" in one_line(rollguard("request", "r2", "--data", out), 1)
    assert "I am [EMAIL]" in rollguard("request", "r2", "--model", "n", "--data", out).stdout
    assert "no request r2 of model o" in one_line(rollguard("request", "r2", "--model", "o", "--data", out), 1)
    for odd in ("['x']", "[y"):
        assert "I am [EMAIL]" in rollguard("request", odd, "--data", out).stdout
