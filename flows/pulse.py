"""What a worker has done last, by the monotonic clock: what /readyz, /livez and the watchdog go by."""

import time
from collections.abc import Callable
from typing import Literal

READY_S = 30.0
STUCK_S = 300.0  # Above the time after which ClickHouse and Kafka are given up.
ALIVE = 0.8  # Of the time after which a frozen worker ends itself: a supervisor that asks is told before.

Deed = Literal["epoch", "message", "command", "broker"]
WORDS: dict[Deed, str] = {
    "epoch": "an epoch ended",
    "message": "a message was read",
    "command": "a command was read",
    "broker": "a Kafka broker answered",
}


class Pulse:
    """Ready after the first epoch, while epochs end and brokers answer; alive while epochs end at all.

    Any thread may call it. `ready_s` is how long either may take, `stuck_s` when a worker is taken for frozen.
    """

    def __init__(
        self, *, ready_s: float = READY_S, stuck_s: float = STUCK_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ready_s, self.stuck_s = ready_s, stuck_s
        self._clock = clock
        self._last = dict.fromkeys(WORDS, clock())
        self._epochs = 0
        # By what they are about: why the worker is not ready, and what else a person should know.
        self._faults: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def beat(self, deed: Deed = "epoch") -> None:
        self._last[deed] = self._clock()
        self._epochs += deed == "epoch"

    def begin(self) -> None:
        """Take a start for the end of an epoch, but the worker is not ready before the first one ends."""
        self._last["epoch"] = self._clock()
        self._epochs = 0

    def fault(self, about: str, text: str | None) -> None:
        """Say why the worker is not ready, or, with None, that it no longer is for this."""
        _set(self._faults, about, text)

    def note(self, about: str, text: str | None) -> None:
        """Say what a person should know beside, or, with None, need know no more."""
        _set(self._notes, about, text)

    def age_s(self, deed: Deed) -> float:
        """How long ago it was done last; before the first time, how long ago the worker began."""
        return self._clock() - self._last[deed]

    @property
    def epochs(self) -> int:
        return self._epochs

    @property
    def alive(self) -> bool:
        return self.age_s("epoch") < ALIVE * self.stuck_s

    @property
    def unready(self) -> str | None:
        """Why the worker is not ready, in words."""
        if not self._epochs:
            return "no epoch has ended yet"
        for deed in ("epoch", "broker"):
            age = self.age_s(deed)
            if age > self.ready_s:
                return f"it is {age:.0f} s since {WORDS[deed]}"
        return "; ".join(self._faults.values()) or None

    @property
    def notes(self) -> list[str]:
        return list(self._notes.values())


def _set(texts: dict[str, str], about: str, text: str | None) -> None:
    if text is None:
        texts.pop(about, None)
    else:
        texts[about] = text
