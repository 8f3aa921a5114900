"""A thread that watches the engine: it reports how long ago things happened, and ends a frozen worker.

The engine may hang where no code of ours runs: when a peer is silently cut off from it, or a native call does not
return. Then Python handles no signals either, so this thread takes them itself: a worker that was asked to end has
ended `STOP_S` later. Only the epoch under way is lost, and the next start does it again.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from flows.logs import LOGGER
from flows.pulse import Deed, Pulse
from operators.connectors.stop import Stop
from operators.metrics import Metrics, Name

LOOK_S = 1.0
STOP_S = 25.0
START_S = 300.0  # For the first epoch: state is loaded, peers are waited for.
AGES: dict[Name, Deed] = {
    "epoch_age_seconds": "epoch",
    "message_age_seconds": "message",
    "command_age_seconds": "command",
    "broker_age_seconds": "broker",
}

log = logging.getLogger(LOGGER)


def end(text: str) -> NoReturn:
    """End the process at once with one line and exit code 1, whatever the engine does."""
    for handler in log.handlers:
        handler.flush()
    sys.stderr.write(f"rollguard: {text}\n")
    sys.stderr.flush()
    os._exit(1)


class Watchdog:
    """`look` is called about every `LOOK_S`; a time in which this thread stood still too does not count."""

    def __init__(
        self,
        pulse: Pulse,
        stop: Stop,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        give_up: Callable[[str], object] = end,
    ) -> None:
        self._pulse, self._stop, self._metrics = pulse, stop, metrics
        self._clock = clock
        self._give_up = give_up
        self._looked = clock()
        self._epochs = pulse.epochs
        self._frozen_s = self._stopping_s = 0.0
        self._reported: str | None = None

    def look(self) -> None:
        now = self._clock()
        passed = min(now - self._looked, 2 * LOOK_S)
        self._looked = now
        self._frozen_s = self._frozen_s + passed if self._pulse.epochs == self._epochs else 0.0
        self._epochs = self._pulse.epochs
        self._stopping_s = self._stopping_s + passed if self._stop.requested else 0.0
        for name, deed in AGES.items():
            self._metrics.add(name, self._pulse.age_s(deed))
        self._metrics.add("ready", float(self._pulse.unready is None))
        self._tell()
        lost = "the epoch under way is not committed, and a restart does it again"
        if self._stopping_s > STOP_S:
            why = f"{self._stop.error}; " if self._stop.error else ""
            self._give_up(f"{why}did not end within {STOP_S:.0f} s of being asked to: {lost}")
        elif self._frozen_s > (self._pulse.stuck_s if self._epochs else max(START_S, self._pulse.stuck_s)):
            self._give_up(f"frozen: no epoch has ended for {self._frozen_s:.0f} s: {lost}")

    def _tell(self) -> None:
        """Log once why the worker is no longer ready, and when it is ready again."""
        why = self._pulse.unready if self._pulse.epochs else None
        if why is not None and self._reported is None:
            log.warning("not ready: %s", why)
        elif why is None and self._reported is not None:
            log.info("ready again")
        self._reported = why


@contextmanager
def watching(pulse: Pulse, stop: Stop, metrics: Metrics) -> Iterator[None]:
    """Watch from a thread; signals reach it even if the engine never lets Python's own handlers run."""
    dog = Watchdog(pulse, stop, metrics)
    ours, woken = socket.socketpair()
    ours.setblocking(False)
    woken.settimeout(LOOK_S)
    before = signal.set_wakeup_fd(ours.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_watch, args=(dog, stop, woken), daemon=True, name="watchdog")
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ours.close()  # This ends the thread.
        thread.join()
        woken.close()


def _watch(dog: Watchdog, stop: Stop, woken: socket.socket) -> None:
    while True:
        try:
            numbers = woken.recv(64)
        except TimeoutError:
            numbers = b"\0"
        if not numbers:
            return
        if {signal.SIGTERM, signal.SIGINT} & set(numbers):
            stop.request()
        dog.look()
