"""`rollguard control follow` where an event cannot be handed on, or is forged: it is told of, and holds up no other."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from flows import cli
from flows.control import handing
from flows.control.handing import Handing
from flows.control.hooks import VARIABLE_MAX, HookFailed, Retry, variables
from flows.control.memory import Memory
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent
from operators.wire.sealing import SealingKey, seal
from tests.control_samples import event, line

KEY = SealingKey("a", "a secret of some length")
PROGRAM = """import json, os, sys
body = json.load(sys.stdin)
open('done', 'a').write(body['id'] + ' ')
sys.exit(os.path.exists('broken-' + body['id']))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROLLGUARD_"):
            monkeypatch.delenv(name)
    (tmp_path / "hook.py").write_text(PROGRAM)
    return tmp_path


def follow(*events: ControlEvent | bytes) -> Result:
    with Path("control.ndjson").open("ab") as file:
        file.writelines(each + b"\n" if isinstance(each, bytes) else line(each) for each in events)
    words = ("--file", "control.ndjson", "--until-end", "--attempts", "1", "--exec", f"{sys.executable} hook.py")
    return CliRunner().invoke(cli.app, ["control", "follow", *words])


def done(folder: Path) -> list[str]:
    return (folder / "done").read_text().split() if (folder / "done").exists() else []


def test_an_event_that_cannot_be_handed_on_holds_up_no_other(folder: Path) -> None:
    (folder / "broken-e2").touch()
    result = follow(event(1), event(2), event(3))
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert (first.startswith("rollguard: event e2: "), first.endswith("; going on")) == (True, True)
    assert last.startswith("rollguard: 1 events could not be handed on; the last one: event e2: ")
    assert done(folder) == ["e1", "e2", "e3"]


def test_the_newest_event_of_a_model_is_tried_again_also_after_a_restart(folder: Path) -> None:
    """A webhook that is away for some minutes must not lose a rollback."""
    (folder / "broken-e2").touch()
    assert follow(event(1), event(2), event(3, model="other")).exit_code == 1
    (folder / "broken-e2").unlink()
    result = follow()
    assert (result.exit_code, result.stderr) == (0, "rollguard: event e2 of 'm' was handed on at last\n")
    assert follow().stderr == ""
    assert done(folder) == ["e1", "e2", "e3", "e2"]


def test_one_that_a_newer_event_outdates_is_not_tried_again(folder: Path) -> None:
    """It says an older pin."""
    (folder / "broken-e1").touch()
    assert follow(event(1), event(2)).exit_code == 1
    (folder / "broken-e1").unlink()
    assert follow().exit_code == 0
    assert done(folder) == ["e1", "e2"]


def test_a_hook_that_is_away_gets_one_attempt_for_each_further_event(tmp_path: Path) -> None:
    calls: list[str] = []
    away = True

    def hook(body: bytes, event: ControlEvent) -> None:
        calls.append(event.id)
        if away:
            raise HookFailed("away")

    memory = Memory(tmp_path / "state")
    handed = Handing([hook], Retry(attempts=3, wait_s=0.0), memory, strict=False)
    for number in (1, 2, 3):
        assert handed.hand(line(event(number)), event(number), Stop())
    assert calls == ["e1", "e1", "e1", "e2", "e3"]
    away = False
    assert handed.hand(line(event(4)), event(4), Stop())
    away = True
    assert handed.hand(line(event(5)), event(5), Stop())
    assert calls[5:] == ["e4", "e5", "e5", "e5"]
    assert [msgspec.json.decode(body)["id"] for body in memory.waiting.values()] == ["e5"]


def test_what_waits_is_tried_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def hook(body: bytes, event: ControlEvent) -> None:
        calls.append(event.id)
        if len(calls) < 3:
            raise HookFailed("away")

    memory = Memory(None)
    handed = Handing([hook], Retry(attempts=1, wait_s=0.0), memory, strict=False)
    handed.hand(line(event(1)), event(1), Stop())
    handed.try_again(Stop())
    assert calls == ["e1"], "not before it is time"
    monkeypatch.setattr(handing, "AGAIN_S", 0.0)
    handed._next_s = 0.0
    handed.try_again(Stop())
    handed.try_again(Stop())
    assert (calls, memory.waiting) == (["e1", "e1", "e1"], {})


def test_no_variable_is_longer_than_a_system_takes(folder: Path) -> None:
    """Linux takes 128 KiB (E2BIG)."""
    long = event(1, model="x" * 600_000, rule="y" * 600_000)
    assert max(map(len, variables(long).values())) < VARIABLE_MAX + 100
    subprocess.run(["true"], env=variables(long), check=True)


def test_an_event_too_large_to_be_ours_is_passed_over(folder: Path) -> None:
    result = follow(event(1), event(2, model="x" * 600_000), event(3))
    assert (result.exit_code, done(folder)) == (0, ["e1", "e3"])
    assert "not believed, too_large" in result.stderr


def test_with_a_key_only_signed_events_are_acted_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGUARD_CONTROL_KEY", f"{KEY.id}:{KEY.secret}")
    result = follow(seal(event(1), KEY), event(2), seal(event(3), SealingKey("a", "another secret, as long")), b"{")
    assert done(folder) == ["e1"]
    told = [words.split(": ")[2] for words in result.stderr.splitlines()]
    assert told == ["not believed, unsigned", "not believed, bad_signature", "no control event"]


def test_a_forged_revision_mutes_nothing(folder: Path) -> None:
    """Remembered as the largest, it would make every later event an older one."""
    follow(event(1), event(2**63 - 1, id="forged", ts=1_763_700_000_000), event(3))
    assert done(folder) == ["e1", "e3"]


def test_a_flood_of_what_is_not_believed_is_told_in_some_lines(folder: Path) -> None:
    assert len(follow(*[b"{}"] * 3_000).stderr.splitlines()) == 13


def test_pins_are_those_of_signed_events(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGUARD_CONTROL_KEY", f"{KEY.id}:{KEY.secret}")
    Path("control.ndjson").write_bytes(seal(event(1, "v1"), KEY) + b"\n" + line(event(2, "v2")))
    result = CliRunner().invoke(cli.app, ["control", "pins", "--file", "control.ndjson", "--format", "json"])
    assert msgspec.json.decode(result.stdout)["m"]["pin"] == "v1"
    assert result.stderr == "rollguard: 1 messages are not believed: unsigned 1\n"


def test_a_wrong_key_is_one_line_that_does_not_show_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGUARD_CONTROL_KEY", "a secret of some length")
    Path("control.ndjson").touch()
    result = CliRunner().invoke(cli.app, ["control", "pins", "--file", "control.ndjson"])
    assert result.exit_code == 2
    (text,) = result.stderr.splitlines()
    assert text.startswith("rollguard: ROLLGUARD_CONTROL_KEY: key 1 must be ID:SECRET")
    assert KEY.secret not in text
