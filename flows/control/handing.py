"""Hands events to hooks. An event whose hooks fail is reported, holds up no other, and is tried again later."""

import sys
import time
from collections.abc import Sequence

import msgspec

from flows.control.hooks import Hook, HookFailed, Retry, persist
from flows.control.memory import Memory
from flows.plain import plain
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent

AGAIN_S = 30.0  # Between two attempts for events that were given up.


class Handing:
    """Calls all hooks for an event.

    After an event whose hooks failed every time, the next events get one attempt each until one succeeds, so that an
    absent hook does not hold up each event for minutes. Of failed events the newest of each model waits, since each
    has the whole pin, and an older one must not be obeyed after it. It is tried again twice a minute, also after a
    restart. With `strict` the first failing event ends the run instead.
    """

    def __init__(self, hooks: Sequence[Hook], retry: Retry, memory: Memory, strict: bool) -> None:
        self._hooks = hooks
        self._retry = retry
        self._memory = memory
        self._strict = strict
        self._failed = 0
        self._last = ""
        self._failing = False
        self._next_s = time.monotonic()

    @property
    def acts(self) -> bool:
        return bool(self._hooks)

    def hand(self, body: bytes, event: ControlEvent, stop: Stop) -> bool:
        """Call all hooks; return False if a stop was requested before they had succeeded, or had been given up.

        HookFailed with `strict`.
        """
        retry = msgspec.structs.replace(self._retry, attempts=1) if self._failing else self._retry
        try:
            done = all(persist(hook, body, event, retry, stop) for hook in self._hooks)
        except HookFailed as error:
            if self._strict:
                raise
            self._give_up(body, event, error)
            return True
        if done:
            self._failing = False
            self._memory.wait(event.model, None)
        return done

    def try_again(self, stop: Stop) -> None:
        """Hand on waiting events, if it is time."""
        if not (self._memory.waiting and self._hooks and time.monotonic() >= self._next_s):
            return
        once = msgspec.structs.replace(self._retry, attempts=1)
        for model, body in list(self._memory.waiting.items()):
            event = msgspec.json.decode(body, type=ControlEvent)
            try:
                if not all(persist(hook, body, event, once, stop) for hook in self._hooks):
                    return
            except HookFailed:
                continue  # It was reported when it was given up.
            sys.stderr.write(f"rollguard: event {event.id} of {event.model!r} was handed on at last\n")
            self._failing = False
            self._memory.wait(model, None)
        self._memory.save()
        self._next_s = time.monotonic() + AGAIN_S

    def end(self, failing: bool) -> None:
        """Report how many events were given up; HookFailed if that makes the run a failure."""
        if not self._failed:
            return
        words = f"{self._failed} events could not be handed on; the last one: {self._last}"
        if failing:
            raise HookFailed(words)
        sys.stderr.write(f"rollguard: {words}\n")

    def _give_up(self, body: bytes, event: ControlEvent, error: HookFailed) -> None:
        self._failed += 1
        self._last = plain(" ".join(str(error).split()))
        self._failing = True
        self._memory.wait(event.model, body)
        self._next_s = time.monotonic() + AGAIN_S
        sys.stderr.write(f"rollguard: {self._last}; going on\n")
