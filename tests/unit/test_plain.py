"""Names with escape sequences, wherever a person may see them: on a terminal, in a log."""

import json
import logging
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import cli, logs, progress
from flows.control import view
from flows.control.hooks import program
from flows.sql import Form, answer
from flows.summary import Summary, Withdrawn
from tests.control_samples import event, line

NASTY = "m\x1b[2J\x9b31m\u202e\x07"
SEEN = "m?[2J?31m??"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_form_of_an_answer_has_escape_sequences(empty_store: str, form: Form) -> None:
    query = "SELECT {name:String} AS `a\x1b[1m`, [{name:String}] AS list, map('k', {name:String}) AS dims"
    text = answer(empty_store, query, form, [f"name={NASTY}"])
    assert text.replace("\n", "").isprintable()
    assert text.count("\n") == (1 if form == "json" else 2)
    if form == "json":
        assert json.loads(text) == {"a\x1b[1m": NASTY, "list": [NASTY], "dims": {"k": NASTY}}
    elif form == "csv":
        assert text.splitlines()[1].startswith(f"{SEEN},")


def test_a_csv_row_is_one_line_whatever_is_in_it(empty_store: str) -> None:
    query = "SELECT 'a\\nrollguard: forged' AS text, 1 AS n"
    assert answer(empty_store, query, "csv", []) == "text,n\na?rollguard: forged,1\n"


def test_the_summary_of_a_run_shows_names_harmlessly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    withdrawn = Withdrawn(ts=0, model=NASTY, version=NASTY, pin=NASTY, rule="canary", slice=f"region={NASTY}")
    progress.print_summary(Summary(policy="p", withdrawn=[withdrawn]), tmp_path)
    out = capsys.readouterr().out
    assert f"{SEEN}: rolled {SEEN} back to {SEEN}, by canary, worst slice region={SEEN}" in out
    assert out.replace("\n", "").isprintable()


def test_errors_and_profiles_are_printed_harmlessly(tmp_path: Path) -> None:
    runner = CliRunner()
    wrong = runner.invoke(cli.app, ["control", "follow", "--file", str(tmp_path / NASTY), "--exec", NASTY])
    assert wrong.exit_code != 0
    assert wrong.stderr.replace("\n", "").isprintable()


def test_control_events_as_json_hold_the_same_and_no_escape_sequence() -> None:
    body = (
        line(event(1))
        .strip()
        .replace(
            b'"m"', json.dumps(NASTY, ensure_ascii=False).replace("\x1b", "\\u001b").replace("\x07", "\\u0007").encode()
        )
    )
    assert b"\x9b" in body
    shown = view.as_line(body)
    assert shown.rstrip("\n").isprintable()
    assert json.loads(shown) == json.loads(body)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_line_cannot_be_forged(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(logs.LOGGER)
    before = logger.handlers, logger.propagate, logger.level
    try:
        logs.configure("text" if form == "text" else "json", "info")
        logger.warning(f"refused {NASTY}\nrollguard info: forged", extra={"fields": {"model": "a\r\nb\x9b"}})
    finally:
        logger.handlers, logger.propagate, logger.level = before
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()
    if form == "text":
        assert r"\x1b[2J\x9b31m\u202e\x07\nrollguard info: forged model=a\r\nb\x9b" in text
    else:
        assert json.loads(text)["model"] == "a\r\nb\x9b"


def test_a_hook_gets_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROLLGUARD_COMMAND_KEY", "ROLLGUARD_WEBHOOK_KEY", "ROLLGUARD_KAFKA__SASL_PASSWORD", "AWS_SECRET_KEY"):
        monkeypatch.setenv(name, "a secret of sixteen characters")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    out = tmp_path / "environment.json"
    code = f"import json, os, pathlib; pathlib.Path({str(out)!r}).write_text(json.dumps(dict(os.environ)))"
    program(f'"{sys.executable}" -c "{code}"', 30.0)(line(event(1)), event(1))
    got = json.loads(out.read_text())
    assert "secret" not in " ".join(got.values())
    assert {name for name in got if name.startswith("ROLLGUARD_")} == {
        name for name in got if name.startswith("ROLLGUARD_EVENT_")
    }
    assert got["ROLLGUARD_EVENT_MODEL"] == event(1).model
    assert got["ROLLGUARD_EVENT_WEIGHTS"] == "{}"
    assert (got["LC_ALL"], "PATH" in got) == ("C.UTF-8", True)
