"""Deliveries over restarts, failures and long absences: each once, in order, and none lost."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.control import delivering
from flows.control.delivering import Delivering
from flows.control.hooks import HookFailed, Retry
from flows.control.memory import NOTES_MAX, Memory
from flows.control.notes import Note
from operators.connectors.stop import Stop
from tests.control_samples import line
from tests.delivering import KEY, acts, alert, folder, follow, over, receiver
from tests.forked import forge
from tests.receiving import Receiver

__all__ = ["folder", "receiver"]  # Fixtures.


def test_slacks_address_may_come_from_the_environment(
    folder: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLGUARD_SLACK_URL", receiver.url)
    assert follow("--slack", "-", events=(alert(1),)).exit_code == 0
    assert len(receiver.taken) == 1


def test_each_event_is_told_once_and_in_order_over_restarts(folder: Path, receiver: Receiver) -> None:
    """Of a model more than the newest waits: a resolved alert that is lost leaves an incident open."""
    events = tuple(alert(number, rule=f"r{number}") for number in (1, 2, 3))
    receiver.codes = [200, 503]
    result = follow("--slack", receiver.url, events=events)
    assert result.exit_code == 1
    told, last = result.stderr.splitlines()
    assert told.startswith("rollguard: slack: 1 attempts, the last one: http://127.0.0.1")
    assert "secret" not in result.stderr
    assert last == "rollguard: 2 notes wait for slack, until the next start"
    for _ in range(2):
        assert follow("--slack", receiver.url).exit_code == 0
    assert [body["text"].split()[1] for body in receiver.bodies()] == ["r1", "r2", "r2", "r3"]


def test_a_service_that_is_away_holds_up_no_other(folder: Path, receiver: Receiver) -> None:
    events = (alert(1), over(2))
    result = follow("--slack", "http://127.0.0.1:1/hook", "--pagerduty", events=events)
    assert (result.exit_code, [action for action, _ in acts(receiver)]) == (1, ["trigger", "resolve"])
    assert follow("--slack", receiver.url, "--pagerduty").exit_code == 0
    assert [body.get("event_action") for body in receiver.bodies()] == ["trigger", "resolve", None, None]


def test_strict_ends_at_the_first_that_cannot_be_told(folder: Path, receiver: Receiver) -> None:
    receiver.codes = [500]
    result = follow("--slack", receiver.url, "--strict", events=(alert(1), alert(2)))
    assert (result.exit_code, len(receiver.taken), len(result.stderr.splitlines())) == (1, 1, 1)
    assert follow("--slack", receiver.url, "--strict").exit_code == 0
    assert len(receiver.taken) == 3


def test_what_a_service_refuses_is_dropped_and_told_of(folder: Path, receiver: Receiver) -> None:
    receiver.codes = [400]
    result = follow("--slack", receiver.url, events=(alert(1), alert(2)))
    assert (result.exit_code, len(receiver.taken)) == (1, 2)
    assert "event e1: http://127.0.0.1" in result.stderr
    assert result.stderr.splitlines()[-1] == "rollguard: 1 notes were dropped"
    assert follow("--slack", receiver.url).exit_code == 0


def test_neither_addresses_nor_keys_are_remembered(folder: Path, receiver: Receiver) -> None:
    receiver.codes = [503, 503]
    follow("--pagerduty", "--slack", receiver.url, events=(alert(1),))
    kept = Path("rollguard-control.json").read_text()
    assert "secret" not in kept
    assert KEY not in kept


def test_a_memory_of_before_is_read(folder: Path, receiver: Receiver) -> None:
    Path("rollguard-control.json").write_text('{"positions":{},"revisions":{"m":1},"ids":["e1"],"waiting":{}}')
    follow("--slack", receiver.url, "--from", "beginning", events=(alert(1), alert(2)))
    assert len(receiver.taken) == 1


def test_killed_while_it_tells_it_loses_nothing(folder: Path, receiver: Receiver) -> None:
    events = tuple(alert(number, rule=f"r{number}") for number in range(1, 6))
    Path("control.ndjson").write_bytes(b"".join(line(each) for each in events))
    words = ["--file", "control.ndjson", "--from", "beginning", "--slack", receiver.url]
    receiver.wait_s = 0.2
    for killed in (2, 4):
        run = forge().start(["control", "follow", *words], Path("said"), environment=os.environ)
        until = time.monotonic() + 60
        while len(receiver.taken) < killed and time.monotonic() < until:
            time.sleep(0.01)
        run.kill()
        run.wait()
        assert len(receiver.taken) >= killed, "it was killed while it told this one"
    receiver.wait_s = 0.0
    assert follow("--slack", receiver.url).exit_code == 0
    told = [body["text"].split()[1] for body in receiver.bodies()]
    assert list(dict.fromkeys(told)) == [f"r{number}" for number in range(1, 6)]
    assert told == sorted(told)
    assert len(told) <= 7, "at most one again for each kill"


class Clock:
    """A steady clock that somebody moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """A service that keeps what it is told, and fails while it is `away`."""

    name = "recorder"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = 0
        self.reminded: list[list[str]] = []
        self.away = False

    def wants(self, note: Note) -> bool:
        return True

    def send(self, note: Note) -> None:
        self.asked += 1
        if self.away:
            raise HookFailed("away")
        self.told.append(note.fields["id"])

    def remind(self, notes: Sequence[Note]) -> None:
        self.reminded.append([note.fields["id"] for note in notes])


def test_waits_grow_and_all_is_told_in_order_when_it_answers(capsys: pytest.CaptureFixture[str]) -> None:
    service, clock = Recorder(), Clock()
    to = Delivering([service], Retry(attempts=3, wait_s=1.0), Memory(None), False, clock)
    service.away = True
    for number in range(1, 5):
        to.take(alert(number, rule=f"r{number}"))
    for clock.now, asked in ((0.0, 1), (0.9, 1), (1.0, 2), (2.9, 2), (3.0, 3), (7.0, 4), (15.0, 5)):
        to.send(Stop())
        assert service.asked == asked, clock.now
    service.away, clock.now = False, 31.0
    to.send(Stop())
    assert service.told == ["e1", "e2", "e3", "e4"]
    assert capsys.readouterr().err.splitlines() == [
        "rollguard: recorder: 3 attempts, the last one: away; 4 notes wait, and are tried again",
        "rollguard: recorder answers again",
    ]


def test_what_was_told_is_forgotten_on_disk_before_the_next_is_told(tmp_path: Path) -> None:
    """A crash while a long queue goes out must not say all of it again."""
    left: list[int] = []

    class Looking(Recorder):
        def send(self, note: Note) -> None:
            left.append(len(Memory(tmp_path / "state").unsent[self.name]))

    memory = Memory(tmp_path / "state")
    to = Delivering([Looking()], Retry(), memory, False, Clock())
    for number in (1, 2, 3):
        to.take(alert(number, rule=f"r{number}"))
    memory.save()
    to.send(Stop())
    assert left == [3, 2, 1]


def test_what_is_open_is_said_again_every_minute_also_after_a_restart(tmp_path: Path) -> None:
    """An Alertmanager that was restarted has forgotten its alerts."""
    service, clock = Recorder(), Clock()
    memory = Memory(tmp_path / "state")
    to = Delivering([service], Retry(), memory, False, clock)
    for each in (alert(1), alert(2, rule="other"), over(3)):
        to.take(each)
    to.send(Stop())
    clock.now = delivering.REMIND_S - 1
    to.send(Stop())
    clock.now += 1
    to.send(Stop())
    memory.save()
    Delivering([service], Retry(), Memory(tmp_path / "state"), False, clock).send(Stop())
    assert service.reminded == [["e2"]] * 3


def test_what_waits_for_a_service_that_stays_away_has_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    memory = Memory(None)
    to = Delivering([Recorder()], Retry(), memory, False, Clock())
    for number in range(1, NOTES_MAX + 3):
        to.take(alert(number, rule=f"r{number}"))
    assert [note.fields["id"] for note in memory.unsent["recorder"]][:: NOTES_MAX - 1] == ["e3", f"e{NOTES_MAX + 2}"]
    assert len(capsys.readouterr().err.splitlines()) == 2
