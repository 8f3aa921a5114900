"""Follows the control events of a topic or a file: prints each, acts on it once, and remembers it."""

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

POLL_S = 0.1  # Between two polls while nothing new comes.
LINES_MAX = 10  # Lines about messages that are not believed; of further ones every thousandth has a line.

Show = Callable[[bytes, ControlEvent, str], None]  # An event's bytes, the event, and what is done about it.

_decode = msgspec.json.Decoder(ControlEvent).decode


class Follow:
    """One run of `rollguard control follow`.

    Delivery is at least once: an event is remembered after its hooks have succeeded, or were given up, so a crash in
    between calls them again. Hooks are not called for a silenced alert, nor for a revision older than one seen, which
    comes from a worker that was thought dead. Notes for services are remembered with the event, and sent afterwards.
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
        """Follow until a stop is requested, or, with `until_end`, everything was read.

        HookFailed, with `until_end` once everything was read; KafkaFailure, OSError.
        """
        # From now on "the end" means this one, also after a restart.
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
        """Wait a little if nothing came; return False at the end."""
        if not batch:
            if until_end and self._follower.at_end:
                return False
            time.sleep(POLL_S)
        return True

    def _take_all(self, batch: Sequence[WrittenEvent], stop: Stop) -> bool:
        """Process messages; return False if a stop was requested before that was done."""
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
        """Call hooks, and queue notes for services; return False if a stop was requested before."""
        # A silence mutes only alerts; a rollback is always acted on, silenced or not.
        muted = event.silenced and event.type == "alert"
        if not muted and not self._handing.hand(body, event, stop):
            return False
        self._delivering.take(event)
        return True

    def _is_new(self, written: WrittenEvent, event: ControlEvent) -> bool:
        """Show an event that was not seen before; return whether it is to be acted on."""
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
    """Read to the end; return what then holds for each model. KafkaFailure, OSError."""
    table = PinTable(verifier=verifier)
    while True:
        batch = follower.read()
        for written in batch:
            table.take(written.body)
        if not batch:
            if follower.at_end:
                return table
            time.sleep(POLL_S)
