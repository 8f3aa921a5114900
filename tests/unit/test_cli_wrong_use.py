"""Every command with what a tired person may give it: one line says what is wrong, and nothing looks like success."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from flows import cli, program

Run = Callable[..., Result]

POLICY = str(Path(cli.__file__).with_name("policy.toml"))
BROKEN = "[time]\npane = \n"
WRONG: list[tuple[list[str], int, str]] = [
    (["check", "--policy", "none.toml"], 2, "policy = 'none.toml': cannot be read"),
    (
        ["check", "--policy", "broken.toml"],
        2,
        "policy = 'broken.toml': is not TOML: Invalid value (at line 2, column 8)",
    ),
    (["check", "--policy", "folder"], 2, "policy = 'folder': is a folder without any .toml file"),
    (["check", "bad.ndjson"], 2, "bad.ndjson: files are of events"),
    (["check", "--json"], 2, "go with --backtest"),
    (["check", "--backtest"], 2, "needs files of events"),
    (["check", "--backtest", "none.ndjson"], 2, "none.ndjson: No such file"),
    (["check", "--backtest", "folder"], 2, "folder: Is a directory"),
    (["check", "--backtest", "bad.ndjson"], 2, "the files have no events; 1 items were refused"),
    (["check", "--backtest", "bad.ndjson", "bad.ndjson"], 2, "named twice"),
    (["check", "--backtest", "bad.ndjson", "--format", "xml"], 2, "'xml': must be one of native, otlp, arrow"),
    (["replay", "none.ndjson", "--out", "o"], 2, "none.ndjson: No such file"),
    (["replay", "folder", "--out", "o"], 2, "folder: Is a directory"),
    (["replay", "bad.ndjson", "--commands", "none", "--out", "o"], 2, "none: No such file"),
    (["replay", "bad.ndjson", "bad.ndjson", "--out", "o"], 2, "named twice"),
    (["produce", "none.ndjson"], 2, "none.ndjson: No such file"),
    (["produce", "bad.ndjson", "--key", "foo"], 2, "--key"),
    (["produce", "bad.ndjson", "--rate", "0"], 2, "--rate"),
    (["reference", "build", "--out", "p.json", "none.ndjson"], 2, "none.ndjson: No such file"),
    (["reference", "build", "--out", "p.json"], 2, "needs one of: files"),
    (
        ["reference", "build", "--out", "p.json", "bad.ndjson", "--residual", "--like", "x"],
        2,
        "it is that of the profile",
    ),
    (["reference", "build", "--out", "p.json", "bad.ndjson"], 2, "none of 1 items fits"),
    (["reference", "build", "--out", "p.json", "bad.ndjson", "--from", "soon"], 2, "--from 'soon'"),
    (["reference", "merge", "none.json", "--out", "p.json"], 2, "none.json: No such file"),
    (["reference", "show", "none.json"], 2, "none.json: No such file"),
    (["reference", "show", "bad.ndjson"], 2, "is no profile"),
    (["reference", "show", "folder"], 2, "folder: Is a directory"),
    (["backtest", "--policy", "none.toml"], 2, "policy = 'none.toml': cannot be read"),
    (["backtest", "--policy", POLICY], 2, "--from"),
    (["backtest", "--policy", POLICY, "bad.ndjson", "--data", "folder"], 2, "names a store"),
    (["backtest", "--policy", POLICY, "pipe"], 2, "pipe: is a pipe"),
    (["check", "--backtest", "pipe"], 2, "pipe: is a pipe"),
    (["replay", "pipe", "--out", "out", "--archive"], 2, "pipe: is a pipe"),
    (["backtest", "--policy", POLICY, "--from", "soon"], 2, "--from: 'soon': must be a day"),
    (["backtest", "--policy", POLICY, "--from", "2026-11-21T12:00"], 2, "needs an offset"),
    (["backtest", "--policy", POLICY, "--from", "2026-11-21", "--to", "2026-11-21"], 2, "must be after --from"),
    (["backtest", "--policy", POLICY, "--from", "2026-11-20", "--to", "2026-11-21"], 1, "no store there"),
    (["backtest", "--policy", POLICY, "--feedback", "bad.ndjson"], 2, "go with files"),
    (["backtest", "none.ndjson", "--policy", POLICY], 2, "none.ndjson: No such file"),
    (["sql", "SELECT 1"], 1, "no store there"),
    (["request", ""], 2, "must not be empty"),
    (["request", "r"], 1, "no store there"),
    (["forget", ""], 1, "the user's id is empty"),
    (["forget", "u"], 1, "no store there"),
    (["resend", "none"], 2, "none: No such file"),
    (["migrate", "--data", "bad.ndjson"], 1, "cannot open the embedded ClickHouse"),
    (["run", "--format", "xml"], 2, "'xml': must be one of native, otlp, arrow"),
    (["archive", "--format", "OTLP"], 2, "'OTLP': must be one of native, otlp, arrow"),
    (["enrich", "--format", ""], 2, "'': must be one of native, otlp, arrow"),
    (["replay", "bad.ndjson", "--feedback-format", "xml", "--out", "o"], 2, "--feedback-format"),
    (["run", "--listen", "foo"], 2, "'foo': must be host:port"),
    (["run", "--listen", "host:99999"], 2, "must be host:port"),
    (["run", "--from", "x"], 2, "must be beginning or end"),
    (["run", "-i", "3", "-a", "a:1;b:2"], 2, "3: --addresses names 2"),
    (["archive", "-i", "-1"], 2, "-1: --addresses names 0"),
    (["page"], 1, "no store there"),
    (["triage", "collect"], 1, "no store there"),
    (["triage", "collect", "--every", "-1"], 2, "--every"),
    (["triage", "list"], 1, "no store there"),
    (["triage", "list", "--status", "odd"], 2, "--status 'odd': must be one of open"),
    (["triage", "show", "c"], 1, "no store there"),
    (["triage", "claim", "c"], 1, "no store there"),
    (["triage", "label", "c", "--cause", "luck"], 2, "root cause 'luck': must be one of the policy's"),
    (["triage", "dismiss", "c"], 1, "no store there"),
    (["triage", "reopen", "c"], 1, "no store there"),
    (["triage", "convert", "c"], 2, "needs what must hold of the answer"),
    (["triage", "convert", "c", "--matches", "("], 2, "is no regular expression"),
    (["triage", "convert", "c", "--passes", "helpful"], 2, "evaluator = 'helpful': must be one of the policy's"),
    (["triage", "convert", "c", "--json", "--input", "none"], 2, "none: No such file"),
    (["gate", "m", "--version", "v2"], 2, "--endpoint"),
    (["gate", "m", "--version", " ", "--endpoint", "http://h"], 2, "must not be empty"),
    (["gate", "m", "--version", "v2", "--endpoint", "host"], 2, "must be an address such as https://host/v1"),
    (
        ["gate", "m", "--version", "v2", "--endpoint", "http://h/v1", "--allow-known", "--no-baseline"],
        2,
        "need a --baseline",
    ),
    (["gate", "m", "--version", "v2", "--endpoint", "http://h", "--baseline", "v1", "--no-baseline"], 2, "names one"),
    (["gate", "m", "--version", "v", "--baseline", "v", "--endpoint", "http://h"], 2, "is the version itself"),
    (["gate", "m", "--version", "v2", "--endpoint", "http://h/v1"], 1, "no store there"),
    (["gate", "m", "--version", "v2", "--endpoint", "http://h/v1", "--cases", "none"], 2, "none: No such file"),
    (["gate", "m", "--version", "v2", "--endpoint", "http://h/v1", "--cases", "bad.ndjson"], 2, "is no eval case"),
    (["evals", "list"], 1, "no store there"),
    (["evals", "show", "m"], 1, "no store there"),
    (["evals", "export", "m", "--format", "csv"], 2, "--format"),
    (["status"], 1, "no store there"),
    (["enrich", "--listen", "foo"], 2, "'foo': must be host:port"),
    (["evaluate", "--listen", "foo"], 2, "'foo': must be host:port"),
    (["evaluate"], 2, "names none: there is nothing to judge by"),
    (["evaluate", "--out", "o"], 2, "goes with files"),
    (["evaluate", "bad.ndjson"], 2, "is needed with files"),
    (["evaluate", "--feedback", "bad.ndjson"], 2, "goes with files"),
    (["evaluate", "--reported"], 2, "names none: there is nothing to judge by"),
    (["evaluate", "--reported", "--feedback", "bad.ndjson"], 2, "name no files"),
    (["evaluate", "--reported", "--most", "0"], 2, "--most"),
    (["evaluate", "bad.ndjson", "--reported", "--out", "o"], 2, "name no files"),
    (["evaluate", "none.ndjson", "--out", "o"], 2, "names none: there is nothing to judge by"),
    (["run", "--policy", "none.toml"], 2, "cannot be read"),
    (["demo", "--seconds", "-1"], 2, "--seconds"),
    (["demo", "--llm", "--seconds", "5"], 2, "is of the classifier's hour"),
    (["control", "pins", "--file", "none"], 2, "none: No such file"),
    (["control", "pins", "--file", "folder"], 2, "folder: Is a directory"),
    (["control", "follow", "--file", "none", "--until-end"], 2, "none: No such file"),
    (["control", "follow", "--file", "bad.ndjson", "--until-end", "--slack", "foo"], 2, "must be an address"),
    (["control", "follow", "--file", "bad.ndjson", "--until-end", "--alertmanager", "foo"], 2, "must be an address"),
    (["control", "follow", "--file", "bad.ndjson", "--until-end", "--pagerduty"], 2, "ROLLGUARD_PAGERDUTY_KEY"),
    (["control", "follow", "--file", "bad.ndjson", "--until-end", "--template", "none"], 2, "none: No such file"),
    (
        ["control", "release", "m", "--candidate", "a", "--baseline", "b", "--share", "10"],
        2,
        "--share 10: must be a share",
    ),
    (["control", "release", "m", "--candidate", "a", "--baseline", "b", "--share", "nan"], 2, "--share nan: must be"),
    (["control", "release", "m", "--candidate", "*", "--baseline", "b"], 2, "'*' may not be the name"),
    (["control", "release", "m", "--candidate", "a", "--baseline", "__other__"], 2, "'__other__' may not be"),
    (
        ["control", "release", "m", "--candidate", "a", "--baseline", "b", "--mirrored", "--share", "0.1"],
        2,
        "so none with --share",
    ),
    (["control", "override", "m", "*"], 2, "'*' may not be the name of a model or version"),
    (["control", "kill", "m", "*"], 2, "'*' may not be the name of a model or version"),
    (["control", "kill", "*", "v"], 2, "'*' may not be the name of a model or version"),
    (["control", "kill", "m", "__mirrored__/v2"], 2, "may not be the name"),
    (["control", "pin", "m", "*"], 2, "'*' may not be the name of a model or version"),
    (["control", "rollback", "m", "v2", "--to", "*"], 2, "'*' may not be the name of a model or version"),
    (["control", "rollback", "m", "v2", "--to", "v2"], 2, "would go to"),
    (["control", "unpin", "*"], 2, "'*' may not be the name"),
    (["control", "ack", "*", "e"], 2, "'*' may not be the name"),
    (["control", "ack", "m", ""], 2, "event: "),
    (["control", "silence", "--model", "*", "--for", "2h"], 2, "'*' may not be the name"),
    (["control", "silence", "--model", "m", "--for", "0s"], 2, "over already: it ends at 20"),
    (["control", "unsilence", "--model", "*"], 2, "'*' may not be the name"),
    (["control", "kill", "m", "v", "--key", "none"], 2, "is none of the keys"),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `rollguard ...` in a folder with some files that are not what they should be."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROLLGUARD_"):
            monkeypatch.delenv(name)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bad.ndjson").write_text('{"a\n')
    (tmp_path / "broken.toml").write_text(BROKEN)
    return lambda *words: CliRunner().invoke(cli.app, list(words))


@pytest.mark.parametrize(
    ("words", "code", "says"), WRONG, ids=lambda part: " ".join(part) if isinstance(part, list) else ""
)
def test_what_is_wrong_is_said(run: Run, words: list[str], code: int, says: str) -> None:
    tells = words[:1] == ["control"] and words[1] not in ("follow", "pins")
    result = run(*words, *(["--file", "commands.ndjson"] if tells else []))
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    # The frame that is drawn around faults of options breaks lines.
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.stderr).split())
    assert says in text
    assert "Traceback" not in text
    assert not Path("commands.ndjson").exists()


def commands(group: object, *names: str) -> list[tuple[str, ...]]:
    inner: dict[str, object] = getattr(group, "commands", {})
    return [found for name, each in inner.items() for found in commands(each, *names, name)] or [names]


def test_every_command_is_tried_here() -> None:
    every = commands(typer.main.get_command(cli.app))
    assert {words for words in every if not any(tuple(wrong[: len(words)]) == words for wrong, _, _ in WRONG)} == set()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "CLICKHOUSE",
            "foo",
            "ROLLGUARD_CLICKHOUSE: a ClickHouse address starts with chdb://, http:// or https://; this",
        ),
        ("CLICKHOUSE", "host:8123", "begins with host:"),
        ("LOG_LEVEL", "loud", "ROLLGUARD_LOG_LEVEL = 'loud'"),
        ("READY_S", "soon", "ROLLGUARD_READY_S = 'soon'"),
        ("POLICY", "none", "policy = 'none': cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"ROLLGUARD_{name}", value)
    result = run("check")
    assert result.exit_code == 2
    assert says in result.stderr
    assert "got ''" not in result.stderr


def test_lines_that_are_no_dead_letters_are_told(run: Run) -> None:
    """Nothing was stored, and once that was a success."""
    result = run("resend", "bad.ndjson", "--data", "store")
    assert result.exit_code == 1
    assert "1 lines or messages are no dead letters" in result.stderr


def test_a_query_changes_nothing_unless_it_is_asked_to(run: Run) -> None:
    assert run("migrate", "--data", "store").exit_code == 0
    for query in (
        "DROP TABLE sli_pane",
        "ALTER TABLE sli_pane DELETE WHERE 1",
        "SET readonly = 0",
        "SELECT 1; DROP TABLE sli_pane",
    ):
        result = run("sql", query, "--data", "store")
        assert result.exit_code == 1
        assert result.stderr == "rollguard: the query would change something, and only --write lets it\n"
    assert run("sql", "SELECT count() FROM sli_pane", "--data", "store").stdout.split() == ["count()", "0"]
    assert "the query is empty" in run("sql", " ", "--data", "store").stderr
    assert "no such cluster" in run("migrate", "--cluster", "c", "--data", "other").stderr.replace(
        "not found", "no such cluster"
    )
    assert run("sql", "DROP TABLE sli_pane", "--data", "store", "--write").exit_code == 0
    assert run("sql", "SELECT count() FROM sli_pane", "--data", "store").exit_code == 1


@pytest.mark.parametrize(("argv", "said"), [("rollguard", "rollguard"), ("/there/rollguard", "/there/rollguard")])
def test_what_is_to_be_copied_names_a_program_that_is_there(
    argv: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rollguard").write_text("#!/bin/sh\n")
    (tmp_path / "rollguard").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert program.called([argv]) == said
    assert program.called([str(tmp_path / "rollguard")]) == "rollguard"
    monkeypatch.setenv("PATH", "")
    assert program.called([str(tmp_path / "rollguard")]) == str(tmp_path / "rollguard")


def test_every_command_and_option_is_documented() -> None:
    """`resend` once was in no document."""
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    told = re.findall(r"`([^`]*)`", text)
    for words in commands(typer.main.get_command(cli.app)):
        name = " ".join(("rollguard", *words))
        assert any(each == name or each.startswith(f"{name} ") for each in told), name
        command: object = typer.main.get_command(cli.app)
        for word in words:
            command = command.commands[word]  # type: ignore[attr-defined]
        options = {option for each in command.params for option in each.opts if option.startswith("--")}  # type: ignore[attr-defined]
        missing = {option for option in options if not re.search(rf"{option}\b", text)}
        assert not missing, (name, missing)
