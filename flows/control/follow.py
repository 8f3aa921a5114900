"""Follows the control events of a topic or a file: prints each, does once what is to be done, remembers it."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from flows.control.delivering import Delivering
from flows.control.handing import Handing
from flows.control.memory import Memory
from flows.plain import plain
from gateway.pins import PinTable
from operators.connectors.control.follower import Follower, WrittenEvent
from operators.connectors.stop import Stop
from operators.release.writers import Turns
from operators.wire.control import ControlEvent
from operators.wire.sealing import Verifier

POLL_S = 0.1  # Between two looks at a place where nothing new is.
LINES_MAX = 10  # Lines about messages that are not believed, and one of a thousand further ones.

Show = Callable[[bytes, ControlEvent, str], None]  # An event's bytes, what they say, and what is done about it.

_decode = msgspec.json.Decoder(ControlEvent).decode


class Follow:
    """One run of `rollguard control follow`.

    At least once: an event is remembered after its hooks have succeeded, or were given up, so a crash in between calls
    them again. Hooks are not called for an alert that is silenced, nor for a revision older than one seen, which is of
    a worker that was thought dead. What services are to be told is remembered with the event, and told after.
    """

    def __init__(
        self,
        follower: Follower,
        memory: Memory,
        show: Show,
        handing: Handing,
        delivering: Delivering,
        verifier: Verifier,
    ) -> None:
        self._follower = follower
        self._memory = memory
        self._show = show
        self._handing = handing
        self._delivering = delivering
        self._verifier = verifier
        self._refused: Counter[str] = Counter()
        self._turns = Turns()

    def run(self, stop: Stop, until_end: bool) -> None:
        """Follow until somebody asks to stop, or, with `until_end`, all was read.

        HookFailed, with `until_end` once all was read; KafkaFailure, OSError.
        """
        # From now on "the end" is this one, also after a restart.
        self._memory.follow(self._follower.positions)
        try:
            self._memory.save()
            while not stop.requested:
                self._handing.try_again(stop)
                self._delivering.send(stop)
                batch = self._follower.read()
                if not (self._take_all(batch, stop) and self._wait(batch, until_end)):
                    break
        finally:
            self._memory.save()
        failing = until_end and not stop.requested
        self._delivering.end(stop, failing)
        self._handing.end(failing)

    def _wait(self, batch: Sequence[WrittenEvent], until_end: bool) -> bool:
        """Wait a little if nothing came; False if that was the end."""
        if not batch:
            if until_end and self._follower.at_end:
                return False
            time.sleep(POLL_S)
        return True

    def _take_all(self, batch: Sequence[WrittenEvent], stop: Stop) -> bool:
        """Deal with messages; False if somebody asked to stop before that was done."""
        for written in batch:
            if stop.requested:
                return False
            event = self._event(written)
            warning = None if event is None else self._turns.take(event.model, written.writer)
            if warning is not None:
                sys.stderr.write(f"rollguard: {written.source}, before {written.next}: {plain(warning)}\n")
            acts = event is not None and self._is_new(written, event)
            if event is not None and acts and not self._act(written.body, event, stop):
                return False
            self._memory.note(written, event)
            if acts and (self._handing.acts or self._delivering.acts):
                self._memory.save()
                self._delivering.send(stop)
        return True

    def _act(self, body: bytes, event: ControlEvent, stop: Stop) -> bool:
        """Call hooks, and queue what services are to be told; False if somebody asked to stop before."""
        # A silence mutes alerts only; a rollback is never held back, whatever it says.
        muted = event.silenced and event.type == "alert"
        if not muted and not self._handing.hand(body, event, stop):
            return False
        self._delivering.take(event)
        return True

    def _is_new(self, written: WrittenEvent, event: ControlEvent) -> bool:
        """Show an event that was not seen before; whether it is to be acted on."""
        if self._memory.knows(event):
            return False
        newest = self._memory.newest(event)
        self._show(written.body, event, "" if newest is None else f"older than revision {newest}: not acted on")
        return newest is None

    def _event(self, written: WrittenEvent) -> ControlEvent | None:
        fault = self._verifier.fault_of(written.body)
        try:
            if fault is None:
                return _decode(written.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            fault = "no_event", str(error)
        reason, detail = fault or ("", "")
        self._refused[reason] += 1
        if (count := self._refused[reason]) <= LINES_MAX or count % 1_000 == 0:
            what = "no control event" if reason == "no_event" else f"not believed, {reason}"
            sys.stderr.write(f"rollguard: {written.source}, before {written.next}: {what}: {plain(detail)}\n")
        return None


def pins(follower: Follower, verifier: Verifier) -> PinTable:
    """Read to the end; what then holds for each model. KafkaFailure, OSError."""
    table = PinTable(verifier=verifier)
    while True:
        batch = follower.read()
        for written in batch:
            table.take(written.body)
        if not batch:
            if follower.at_end:
                return table
            time.sleep(POLL_S)
