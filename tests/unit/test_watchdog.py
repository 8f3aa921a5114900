"""A worker that is frozen, or does not end, is ended; one that only stood still with all of its machine is not."""

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from flows.pulse import Pulse
from flows.watchdog import STOP_S, Watchdog
from operators.connectors.stop import Stop
from operators.metrics import Metrics


class World:
    """A watchdog with a clock that the test moves; `ends` are the lines with which it ended the process."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ends: list[str] = []
        self.stop = Stop()
        self.metrics = Metrics(CollectorRegistry())
        self.pulse = Pulse(stuck_s=100.0, clock=lambda: self.now)
        self.dog = Watchdog(self.pulse, self.stop, self.metrics, clock=lambda: self.now, give_up=self.ends.append)

    def live(self, seconds: int, *, beating: bool) -> None:
        for _ in range(seconds):
            self.now += 1.0
            if beating:
                self.pulse.beat()
            self.dog.look()


def test_a_worker_whose_epochs_do_not_end_is_ended_with_one_line() -> None:
    world = World()
    world.live(300, beating=True)
    world.live(100, beating=False)
    assert world.ends == []
    world.live(2, beating=False)
    assert world.ends[0].startswith("frozen: no epoch has ended for 101 s")
    assert "not committed" in world.ends[0]


def test_time_in_which_the_process_was_stopped_does_not_count() -> None:
    """A stopped process, or machine, is not frozen: it goes on where it was."""
    world = World()
    world.live(5, beating=True)
    world.now += 3_600.0
    world.live(50, beating=False)
    assert world.ends == []


def test_a_worker_that_was_asked_to_end_has_ended_within_30_s() -> None:
    world = World()
    world.live(5, beating=True)
    world.stop.request()
    world.live(int(STOP_S), beating=True)
    assert world.ends == []
    world.live(3, beating=True)
    assert world.ends[0].startswith("did not end within 25 s of being asked to: the epoch under way is not committed")
    assert STOP_S < 30.0 - 3.0


def test_ages_are_metrics() -> None:
    world = World()
    world.live(3, beating=True)
    world.pulse.beat("message")
    world.live(4, beating=False)
    text = world.metrics.text().decode()
    assert "rollguard_epoch_age_seconds 4.0" in text
    assert "rollguard_message_age_seconds 4.0" in text
    assert "rollguard_command_age_seconds 7.0" in text
    assert "rollguard_broker_age_seconds 7.0" in text
    assert "rollguard_ready 1.0" in text


def test_what_is_wrong_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "rollguard")
    world = World()
    world.live(5, beating=True)
    world.live(40, beating=False)
    world.pulse.beat("broker")
    world.live(5, beating=True)
    assert [record.getMessage() for record in caplog.records] == [
        "not ready: it is 31 s since a Kafka broker answered",
        "ready again",
    ]


HANGING = """
import ctypes, signal
from prometheus_client import CollectorRegistry
from flows import watchdog
from flows.cli_errors import interruptible
from flows.pulse import Pulse
from operators.connectors.stop import Stop
from operators.metrics import Metrics

watchdog.STOP_S = 0.5
stop = Stop()
with interruptible(stop), watchdog.watching(Pulse(), stop, Metrics(CollectorRegistry())):
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    print("hanging", flush=True)
    lock(mutex)
"""


def test_sigterm_ends_a_process_that_hangs_where_no_python_runs() -> None:
    """As in the engine, when a peer is cut off: Python's own handlers would never run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.terminate()
        _, said = process.communicate(timeout=180)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("rollguard: did not end within")
