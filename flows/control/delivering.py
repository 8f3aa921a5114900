"""Delivers notes to services: each once, in order; none is lost while a service is away or the follower restarts."""

import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from flows.control.hooks import WAIT_S_MAX, HookFailed, Retry, waited
from flows.control.memory import Memory
from flows.control.notes import notes_of
from flows.control.posting import Refused
from flows.control.services import Service
from flows.plain import plain
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent

REMIND_S = 60.0  # Between two reminders of a service about open incidents.


class _Line(msgspec.Struct, kw_only=True):
    """The state of a service: `failures` in a row, and when it may be tried again and reminded, on the steady clock."""

    failures: int = 0
    alerted: bool = False
    next_s: float = 0.0
    remind_s: float = 0.0


class Delivering:
    """Queues notes, and sends each service its notes, oldest first.

    Notes are in the memory before they are sent, so after a crash a service may get one twice, but never misses one.
    A failing service holds up no other service and no event: it is tried again after `retry`'s waits, up to half a
    minute each, until it answers. After `retry.attempts` that is reported; with `strict` it ends the run. A note that
    the service refuses is reported and dropped. `clock` is a steady one, in seconds.
    """

    def __init__(
        self,
        services: Sequence[Service],
        retry: Retry,
        memory: Memory,
        strict: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = [(service, _Line(next_s=clock(), remind_s=clock())) for service in services]
        self._retry = retry
        self._memory = memory
        self._strict = strict
        self._clock = clock
        self._lost = 0

    @property
    def acts(self) -> bool:
        return bool(self._lines)

    def take(self, event: ControlEvent) -> None:
        """Queue the notes of an event; nothing is sent before the memory is saved."""
        if not self._lines:
            return
        for note in list(notes_of(event, self._memory.incidents)):
            self._memory.keep_open(note)
            for service, _ in self._lines:
                gone = self._memory.queue(service.name, note) if service.wants(note) else 0
                if gone:
                    self._lose(gone, f"{service.name} is away: the oldest of what waits for it is dropped")

    def send(self, stop: Stop) -> None:
        """Send every service that may be tried now its waiting notes. HookFailed with `strict`."""
        for service, line in self._lines:
            self._send(service, line, stop)

    def end(self, stop: Stop, failing: bool) -> None:
        """Try all waiting notes once more, then report undelivered ones; HookFailed if that makes the run a failure."""
        for service, line in self._lines if failing else ():
            while self._waits(service) and line.failures < self._retry.attempts:
                if not waited(line.next_s - self._clock(), stop):
                    break
                self._send(service, line, stop)
        left = {service.name: count for service, _ in self._lines if (count := self._waits(service))}
        words = [f"{count} notes wait for {name}, until the next start" for name, count in left.items()]
        words += [f"{self._lost} notes were dropped"] if self._lost else []
        if words and failing:
            raise HookFailed("; ".join(words))
        if words:
            sys.stderr.write(f"rollguard: {'; '.join(words)}\n")

    def _waits(self, service: Service) -> int:
        return len(self._memory.unsent.get(service.name, ()))

    def _send(self, service: Service, line: _Line, stop: Stop) -> None:
        if self._clock() < line.next_s:
            return
        try:
            while self._waits(service) and not stop.requested:
                self._send_oldest(service)
                self._well(service, line)
            if not self._waits(service) and self._clock() >= line.remind_s:
                line.remind_s = self._clock() + REMIND_S
                self._remind(service)
                self._well(service, line)
        except HookFailed as error:
            self._failed(service, line, error)

    def _send_oldest(self, service: Service) -> None:
        note = self._memory.unsent[service.name][0]
        try:
            service.send(note)
        except Refused as error:
            if self._strict:
                raise
            self._lose(1, f"event {note.fields['id']}: {error}: it is dropped")
        self._memory.sent(service.name)
        self._memory.save()

    def _remind(self, service: Service) -> None:
        try:
            service.remind(list(self._memory.incidents.values()))
        except Refused as error:
            sys.stderr.write(f"rollguard: {service.name} could not be told what is open: {plain(str(error))}\n")

    def _well(self, service: Service, line: _Line) -> None:
        if line.alerted:
            sys.stderr.write(f"rollguard: {service.name} answers again\n")
        line.failures, line.alerted = 0, False

    def _failed(self, service: Service, line: _Line, error: HookFailed) -> None:
        line.next_s = self._clock() + min(WAIT_S_MAX, self._retry.wait_s * 2 ** min(line.failures, 10))
        line.failures += 1
        if line.failures < self._retry.attempts or line.alerted:
            return
        words = f"{service.name}: {line.failures} attempts, the last one: {plain(' '.join(str(error).split()))}"
        if self._strict:
            raise HookFailed(words) from error
        line.alerted = True
        waits = self._waits(service)
        sys.stderr.write(f"rollguard: {words}; {waits} notes wait, and are tried again\n")

    def _lose(self, count: int, words: str) -> None:
        self._lost += count
        sys.stderr.write(f"rollguard: {plain(words)}\n")
