"""Hands events to hooks. One that cannot be handed on is told of, and holds up no other: it is tried again later."""

import sys
import time
from collections.abc import Sequence

import msgspec

from flows.control.hooks import Hook, HookFailed, Retry, persist
from flows.control.memory import Memory
from flows.plain import plain
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent

AGAIN_S = 30.0  # Between two tries of events that were given up.


class Handing:
    """Calls all hooks for an event.

    After an event whose hooks failed every time, the next ones get one attempt each until one succeeds, so that a hook
    that is away does not hold up what comes for minutes each. What failed waits: of each model the newest event, since
    each says the whole pin, and an older one must not be obeyed after it. It is tried again twice a minute, also after
    a restart. With `strict` the first one that fails ends it instead.
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
        """Call all hooks; False if somebody asked to stop before they had succeeded, or had been given up.

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
        """Hand on what waits, if it is time for it."""
        if not (self._memory.waiting and self._hooks and time.monotonic() >= self._next_s):
            return
        once = msgspec.structs.replace(self._retry, attempts=1)
        for model, body in list(self._memory.waiting.items()):
            event = msgspec.json.decode(body, type=ControlEvent)
            try:
                if not all(persist(hook, body, event, once, stop) for hook in self._hooks):
                    return
            except HookFailed:
                continue  # It was told of when it was given up.
            sys.stderr.write(f"rollguard: event {event.id} of {event.model!r} was handed on at last\n")
            self._failing = False
            self._memory.wait(model, None)
        self._memory.save()
        self._next_s = time.monotonic() + AGAIN_S

    def end(self, failing: bool) -> None:
        """Say how many were given up, as HookFailed if that is a failure of the whole."""
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
