"""`rollguard control` on files: what is printed, what is done once, what is remembered and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import cli
from flows.control import memory
from operators.connectors.control.follower import WrittenEvent
from operators.wire.control import Affected, Arm, ControlEvent, Evidence
from operators.wire.signing import signature_fault
from tests.control_samples import event, line

ROOT = Path(__file__).parents[2]
EVIDENCE = Evidence(
    sli="availability",
    candidate=Arm.of("v2", 900, 100),
    baseline=Arm.of("v1", 990, 10),
    value=0.09,
    lower=0.06,
    upper=0.12,
)
EVENTS = [
    event(1, kind="alert"),
    event(2, "v1", evidence=EVIDENCE, slices=(Affected(slice="region=eu", verdict="BAD", evidence=EVIDENCE),)),
    event(3, "v1", "recovered"),
]

Control = Callable[..., Result]


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """Runs `rollguard control ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROLLGUARD_"):
            monkeypatch.delenv(name)
    return lambda *words: CliRunner().invoke(cli.app, ["control", *map(str, words)])


@pytest.fixture
def said(tmp_path: Path) -> Path:
    path = tmp_path / "control.ndjson"
    write(path, EVENTS)
    return path


def write(path: Path, events: Sequence[ControlEvent]) -> None:
    with path.open("ab") as file:
        file.writelines(map(line, events))


def script(folder: Path, text: str) -> str:
    """A program that notes the id of its event in `done`, and then does what `text` says."""
    path = folder / "hook.py"
    path.write_text(
        f"import json, os, sys\nbody = json.load(sys.stdin)\nopen('done', 'a').write(body['id'] + ' ')\n{text}\n"
    )
    return f"{sys.executable} {path}"


def program(*words: object) -> list[str]:
    """`rollguard control ...` as a process of its own, in any folder."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from flows.cli import main; main()"
    return [sys.executable, "-c", start, "control", *map(str, words)]


def done(folder: Path) -> list[str]:
    return (folder / "done").read_text().split() if (folder / "done").exists() else []


def one_line(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    (text,) = result.stderr.splitlines()
    assert text.startswith("rollguard: ")
    return str(text)


def test_events_are_printed_with_their_evidence(control: Control, said: Path) -> None:
    result = control("follow", "--file", said, "--until-end")
    assert result.exit_code == 0, result.output
    assert "rollback  [page]  Version v2 of model m is rolled back: all its traffic goes to v1, by" in result.stdout
    assert "rule canary, pin v1, revision 2, event e2" in result.stdout
    assert "region=eu BAD  availability: 100 of 1000 bad, 10 %, against 10 of 1000, 1 %, with v1" in result.stdout
    assert not (said.parent / "rollguard-control.json").exists(), "who only looks on leaves nothing behind"


def test_raw_lines_are_those_of_the_file(control: Control, said: Path) -> None:
    assert control("follow", "--file", said, "--until-end", "--format", "json").stdout_bytes == said.read_bytes()


def test_an_event_that_comes_again_is_printed_once(control: Control, said: Path) -> None:
    write(said, EVENTS)
    assert control("follow", "--file", said, "--until-end").stdout.count("recovered") == 1


def test_names_cannot_move_the_cursor(control: Control, said: Path) -> None:
    write(said, [event(4, model="m\x1b[2J\rx")])
    assert "\x1b" not in control("follow", "--file", said, "--until-end").stdout


def test_lines_that_are_no_events_are_told_and_passed_over(control: Control, said: Path) -> None:
    with said.open("ab") as file:
        file.write(b'{"bad\n\n[1]\n\xff\n' + line(event(4, kind="promote")) + b'{"half')
    result = control("follow", "--file", said, "--until-end")
    assert "promote" in result.stdout
    assert result.stderr.count("no control event") == 3


def test_a_program_runs_once_per_event_also_over_restarts(control: Control, said: Path) -> None:
    follow = ("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    assert control(*follow).exit_code == 0
    assert done(said.parent) == ["e1", "e2", "e3"]
    write(said, [event(3, "v1", "recovered"), event(4)])
    assert "revision 4" in control(*follow).stdout
    assert done(said.parent) == ["e1", "e2", "e3", "e4"]


def test_a_program_is_told_what_happened(control: Control, said: Path) -> None:
    names = ("TYPE", "MODEL", "VERSION", "PIN", "ID", "REVISION", "RULE")
    text = f"open('told', 'w').write(' '.join(os.environ['ROLLGUARD_EVENT_' + name] for name in {names}))"
    control("follow", "--file", said, "--until-end", "--exec", script(said.parent, text))
    assert (said.parent / "told").read_text() == "recovered m v2 v1 e3 3 canary"


def test_names_of_events_are_never_words_of_a_command(control: Control, said: Path) -> None:
    write(said, [event(4, model="$(touch bad) ; touch bad\0")])
    result = control("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    assert (result.exit_code, done(said.parent)[-1]) == (0, "e4")
    assert not (said.parent / "bad").exists()


def test_silenced_alerts_and_old_revisions_are_shown_and_not_acted_on(control: Control, said: Path) -> None:
    zombie = event(2, "v0", id="of-a-zombie")
    write(said, [event(4, kind="alert", silenced=True), zombie, event(5, kind="rollback", silenced=True)])
    result = control("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    assert "silenced" in result.stdout
    assert "older than revision 4: not acted on" in result.stdout
    assert done(said.parent) == ["e1", "e2", "e3", "e5"], "a silence never holds a rollback back"


def test_an_old_revision_is_known_as_such_after_a_restart(control: Control, said: Path) -> None:
    follow = ("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    control(*follow)
    write(said, [event(2, "v0", id="of-a-zombie")])
    assert "not acted on" in control(*follow).stdout
    assert done(said.parent) == ["e1", "e2", "e3"]


def test_of_inputs_two_workers_with_models_of_their_own_are_both_heard(control: Control, said: Path) -> None:
    """Each has revisions of its own for what is of no model."""
    write(said, [event(revision, kind="alert", model="") for revision in (20, 10)])
    result = control("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    assert "not acted on" not in result.stdout
    assert done(said.parent)[-2:] == ["e20", "e10"]


def test_a_failing_program_stops_it_if_that_is_asked_for_and_is_tried_again_at_the_restart(
    control: Control, said: Path
) -> None:
    fails = script(said.parent, "sys.exit(body['id'] == 'e2' and not os.path.exists('mended'))")
    follow = ("follow", "--file", said, "--until-end", "--strict", "--attempts", 1, "--exec", fails)
    assert "event e2: " in one_line(control(*follow), 1)
    assert done(said.parent) == ["e1", "e2"]
    (said.parent / "mended").touch()
    assert control(*follow).exit_code == 0
    assert done(said.parent) == ["e1", "e2", "e2", "e3"]


def test_a_program_that_takes_too_long_has_failed(control: Control, said: Path) -> None:
    hangs = script(said.parent, "import time; time.sleep(60)")
    follow = ("follow", "--file", said, "--until-end", "--strict", "--attempts", 1, "--timeout", 0.5, "--exec", hangs)
    assert "not done after 0.5 s" in one_line(control(*follow), 1)


def test_an_event_that_was_acted_on_but_not_remembered_is_acted_on_again(control: Control, said: Path) -> None:
    """At least once: here the follower is killed while the program runs."""
    first = "body['id'] == 'e2' and open('done').read().count('e2') == 1"
    kills = script(said.parent, f"{first} and os.kill(os.getppid(), 9)")
    killed = subprocess.run(
        [*program("follow", "--file", said, "--until-end"), "--exec", kills], cwd=said.parent, timeout=180, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert control("follow", "--file", said, "--until-end", "--exec", kills).exit_code == 0
    assert done(said.parent) == ["e1", "e2", "e2", "e3"]


def test_a_file_that_comes_later_is_followed_until_a_signal(control: Control, tmp_path: Path) -> None:
    path = tmp_path / "later.ndjson"
    command = program("follow", "--file", path, "--from", "beginning", "--format", "json")
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            for each in EVENTS[:2]:
                write(path, [each])
                assert process.stdout.readline() == line(each)
            path.unlink()
            write(path, [event(9)])
            assert process.stdout.readline() == line(event(9)), "another file of the same name"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=180) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_from_the_end_on_only_what_is_new_is_done_also_after_a_restart(control: Control, said: Path) -> None:
    follow = ("follow", "--file", said, "--from", "end", "--until-end", "--exec", script(said.parent, ""))
    assert control(*follow).stdout == ""
    write(said, [event(4)])
    assert "revision 4" in control(*follow).stdout
    assert done(said.parent) == ["e4"]


def test_a_file_that_was_written_anew_is_read_from_its_beginning(control: Control, said: Path) -> None:
    follow = ("follow", "--file", said, "--until-end", "--exec", script(said.parent, ""))
    control(*follow)
    said.unlink()
    write(said, [event(number) for number in range(5, 12)])
    control(*follow)
    assert done(said.parent)[3:] == [f"e{number}" for number in range(5, 12)]


def test_two_followers_do_not_share_a_memory(control: Control, said: Path) -> None:
    with memory.opened(said.parent / "rollguard-control.json"):
        result = control("follow", "--file", said, "--until-end", "--exec", "true")
        assert "another follower" in one_line(result, 1)
        assert control("follow", "--file", said, "--until-end", "--exec", "true", "--state", "other").exit_code == 0


def test_a_memory_that_is_something_else_is_left_alone(control: Control, said: Path) -> None:
    result = control("follow", "--file", said, "--until-end", "--state", said)
    assert "nothing that a follower wrote" in one_line(result, 1)
    assert said.read_bytes() == b"".join(map(line, EVENTS))


def test_what_is_remembered_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "IDS_MAX", 10)
    kept = memory.Memory(tmp_path / "state")
    for number in range(25):
        kept.note(WrittenEvent("topic/0", number + 1, b""), event(number))
    kept.save()
    again = memory.Memory(tmp_path / "state")
    assert again.positions == {"topic/0": 25}
    assert [again.knows(event(number)) for number in (14, 15, 24)] == [False, True, True]
    assert again.newest(event(23)) == 24


def test_pins_are_those_of_the_newest_events(control: Control, said: Path) -> None:
    write(said, [event(7, model="other", kind="kill"), event(2, "v0", id="of-a-zombie")])
    table = control("pins", "--file", said).stdout
    assert [word for word in ("m", "v1", "other", "v2", "recovered", "kill") if word not in table] == []
    found = json.loads(control("pins", "--file", said, "--format", "json").stdout)
    assert {model: each["pin"] for model, each in found.items()} == {"m": "v1", "other": None}
    assert found["other"]["killed"] == ["v2"]


SOON = datetime.now(timezone(timedelta(hours=1))).replace(microsecond=0) + timedelta(days=3)
COMMANDS: list[tuple[list[object], dict[str, object]]] = [
    (
        ["release", "m", "--candidate", "v2", "--baseline", "v1", "--share", 0.1, "--metadata", "meta.json"],
        {
            "type": "release",
            "candidate": "v2",
            "baseline": "v1",
            "traffic_share": 0.1,
            "metadata": {"candidate": {"a": 1}},
        },
    ),
    (
        ["release", "m", "--candidate", "v2", "--baseline", "v1", "--mirrored"],
        {"mirrored": True, "traffic_share": None},
    ),
    (["override", "m", "v2"], {"type": "override", "version": "v2", "revoked": False}),
    (["override", "m", "v2", "--revoke", "--by", "ann"], {"type": "override", "revoked": True, "by": "ann"}),
    (["kill", "m", "v2"], {"type": "kill", "model": "m", "version": "v2"}),
    (["rollback", "m", "v2"], {"type": "rollback", "version": "v2", "to": None}),
    (["rollback", "m", "v2", "--to", "v1", "--by", "ann"], {"type": "rollback", "to": "v1", "by": "ann"}),
    (["pin", "m", "v1"], {"type": "pin", "model": "m", "version": "v1"}),
    (["unpin", "m"], {"type": "unpin", "model": "m"}),
    (["ack", "m", "e2"], {"type": "ack", "model": "m", "event": "e2"}),
    (["silence", "--rule", "slo", "--for", "2h"], {"type": "silence", "rule": "slo", "model": None}),
    (["silence", "--model", "m", "--until", SOON.isoformat()], {"model": "m", "until": int(SOON.timestamp() * 1000)}),
    (["unsilence", "--model", "m", "--rule", "slo"], {"type": "unsilence", "model": "m", "rule": "slo"}),
]


@pytest.mark.parametrize("key", [None, "a key of sixteen characters or more"])
@pytest.mark.parametrize(("words", "says"), COMMANDS)
def test_commands_are_added_to_a_file(
    control: Control,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[object],
    says: dict[str, object],
    key: str,
) -> None:
    if key is not None:
        monkeypatch.setenv("ROLLGUARD_COMMAND_KEY", key)
    (tmp_path / "meta.json").write_text('{"candidate": {"a": 1}}')
    (tmp_path / "commands.ndjson").write_bytes(b'{"a line": "without an end"}')
    result = control(*words, "--file", "commands.ndjson")
    assert result.exit_code == 0, result.output
    body = (tmp_path / "commands.ndjson").read_bytes().splitlines()[1]
    made = json.loads(body)
    assert made.items() >= says.items()
    assert made["id"] == result.stdout.strip()
    assert abs(made["ts"] / 1000 - time.time()) < 60
    assert "@" in made["by"] or made["by"] == "ann"
    fault = signature_fault(body, key or "another key of that length")
    assert fault is None if key else fault == ("unsigned", "the command has no signature")
    if "--for" in words:
        assert made["until"] - made["ts"] == pytest.approx(7_200_000, abs=1_000)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["release", "m", "--candidate", "v1", "--baseline", "v1"], "candidate and baseline are both 'v1'"),
        (["release", "m", "--candidate", "v2", "--baseline", "v1", "--share", 1.5], "--share 1.5: must be a share"),
        (["release", "m", "--candidate", "v2", "--baseline", "v1", "--metadata", "none"], "none: No such file"),
        (["release", "m", "--candidate", "v2", "--baseline", "v1", "--metadata", "list.json"], "list.json: "),
        (["release", "m", "--candidate", "v2", "--baseline", "v1", "--metadata", "odd.json"], "has 'prompt', not only"),
        (["release", "m", "--candidate", "", "--baseline", "v1"], "candidate: "),
        (["override", "m", "v" * 129], "version: "),
        (["silence", "--for", "2h"], "--model, --rule or both"),
        (["silence", "--rule", "slo"], "either --for or --until"),
        (["silence", "--rule", "slo", "--for", "2h", "--until", "2099-01-01T00:00:00Z"], "either --for or --until"),
        (["silence", "--rule", "slo", "--for", "2 hours"], "--for '2 hours': must be a duration"),
        (["silence", "--rule", "slo", "--until", "tomorrow"], "must be a time such as"),
        (["silence", "--rule", "slo", "--until", "2099-01-01T00:00:00"], "needs an offset"),
        (["silence", "--rule", "slo", "--until", "2020-01-01T00:00:00Z"], "over already"),
        (["silence", "--rule", "slo", "--until", "2099-01-01T00:00:00Z"], "at most 7 days"),
        (["silence", "--rule", "slo", "--for", "8d"], "at most 7 days"),
        (["unsilence"], "--model, --rule or both"),
        (["follow", "--exec", "no-such-program-anywhere"], "there is no such program"),
        (["follow", "--exec", "sh -c 'x"], "No closing quotation"),
        (["follow", "--webhook", "ftp://host/x"], "must be an address such as"),
        (["follow", "--webhook", "http://host:x/secret"], "--webhook: "),
    ],
)
def test_wrong_use_is_one_line(control: Control, tmp_path: Path, words: list[object], says: str) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "odd.json").write_text('{"prompt": "p2"}')
    text = one_line(control(*words, "--file", "commands.ndjson"), 2)
    assert says in text
    assert "secret" not in text
    assert not (tmp_path / "commands.ndjson").exists()


@pytest.mark.parametrize("words", [["pins"], ["follow", "--until-end"]])
def test_a_file_that_is_not_there_is_told(control: Control, words: list[object]) -> None:
    assert "none.ndjson: No such file" in one_line(control(*words, "--file", "none.ndjson"), 2)
