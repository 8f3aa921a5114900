"""Follows the control events of a topic or a file: prints each, does once what is to be done, remembers it."""

import sys
import time
from collections.abc import Callable, Sequence

import msgspec

from flows.control.hooks import Hook, Retry, persist
from flows.control.memory import Memory
from operators.connectors.control_topic import Follower, Said
from operators.connectors.stop import Stop
from operators.control import ControlEvent
from operators.release.pins import PinTable

POLL_S = 0.1  # Between two looks at a place where nothing new is.

Show = Callable[[bytes, ControlEvent, str], None]  # An event's bytes, what they say, and what is done about it.

_decode = msgspec.json.Decoder(ControlEvent).decode


class Follow:
    """One run of `rollguard control follow`.

    At least once: an event is remembered after its hooks have succeeded, so a crash in between calls them again. Hooks
    are not called for an alert that is silenced, nor for a revision older than one seen, which is of a worker that
    was thought dead.
    """

    def __init__(self, follower: Follower, memory: Memory, show: Show, hooks: Sequence[Hook], retry: Retry) -> None:
        self._follower = follower
        self._memory = memory
        self._show = show
        self._hooks = hooks
        self._retry = retry

    def run(self, stop: Stop, until_end: bool) -> None:
        """Follow until somebody asks to stop, or, with `until_end`, all was read. HookFailed, KafkaFailure, OSError."""
        # From now on "the end" is this one, also after a restart.
        self._memory.follow(self._follower.positions)
        try:
            self._memory.save()
            while not stop.requested:
                batch = self._follower.read()
                if not (self._take_all(batch, stop) and self._wait(batch, until_end)):
                    return
        finally:
            self._memory.save()

    def _wait(self, batch: Sequence[Said], until_end: bool) -> bool:
        """Wait a little if nothing came; False if that was the end."""
        if not batch:
            if until_end and self._follower.at_end:
                return False
            time.sleep(POLL_S)
        return True

    def _take_all(self, batch: Sequence[Said], stop: Stop) -> bool:
        """Deal with messages; False if somebody asked to stop before that was done."""
        for said in batch:
            if stop.requested:
                return False
            event = _event(said)
            acts = event is not None and self._is_new(said, event)
            if event is not None and acts and not self._act(said.body, event, stop):
                return False
            self._memory.note(said, event)
            if acts and self._hooks:
                self._memory.save()
        return True

    def _is_new(self, said: Said, event: ControlEvent) -> bool:
        """Show an event that was not seen before; whether it is to be acted on."""
        if self._memory.knows(event):
            return False
        newest = self._memory.newest(event)
        self._show(said.body, event, "" if newest is None else f"older than revision {newest}: not acted on")
        # A silence mutes alerts only; a rollback is never held back, whatever it says.
        return newest is None and not (event.silenced and event.type == "alert")

    def _act(self, body: bytes, event: ControlEvent, stop: Stop) -> bool:
        """Call all hooks; False if somebody asked to stop before they had succeeded."""
        return all(persist(hook, body, event, self._retry, stop) for hook in self._hooks)


def _event(said: Said) -> ControlEvent | None:
    try:
        return _decode(said.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        sys.stderr.write(f"rollguard: {said.source}, before {said.next}: no control event: {error}\n")
        return None


def pins(follower: Follower) -> PinTable:
    """Read to the end; what then holds for each model. KafkaFailure, OSError."""
    table = PinTable()
    while True:
        batch = follower.read()
        for said in batch:
            table.take(said.body)
        if not batch:
            if follower.at_end:
                return table
            time.sleep(POLL_S)
