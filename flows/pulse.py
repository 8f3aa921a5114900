"""When a worker last did each thing, by the monotonic clock: the basis of /readyz, /livez and the watchdog."""

import time
from collections.abc import Callable
from typing import Literal

READY_S = 30.0
STUCK_S = 300.0  # Longer than the time after which ClickHouse and Kafka are given up.
ALIVE = 0.8  # Share of the time after which a frozen worker ends itself: /livez tells a supervisor before.

Deed = Literal["epoch", "message", "command", "broker"]
WORDS: dict[Deed, str] = {
    "epoch": "an epoch ended",
    "message": "a message was read",
    "command": "a command was read",
    "broker": "a Kafka broker answered",
}


class Pulse:
    """Ready after the first epoch, while epochs end and brokers answer; alive while epochs end at all.

    Any thread may call it. `ready_s` is how long either may take, `stuck_s` the time after which a worker counts as
    frozen.
    """

    def __init__(
        self, *, ready_s: float = READY_S, stuck_s: float = STUCK_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ready_s, self.stuck_s = ready_s, stuck_s
        self._clock = clock
        self._last = dict.fromkeys(WORDS, clock())
        self._epochs = 0
        # By subject: why the worker is not ready, and what else people should know.
        self._faults: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def beat(self, deed: Deed = "epoch") -> None:
        self._last[deed] = self._clock()
        self._epochs += deed == "epoch"

    def begin(self) -> None:
        """Count a start as the end of an epoch; the worker is still not ready before its first epoch ends."""
        self._last["epoch"] = self._clock()
        self._epochs = 0

    def fault(self, about: str, text: str | None) -> None:
        """Set a reason why the worker is not ready; None removes the reason."""
        _set(self._faults, about, text)

    def note(self, about: str, text: str | None) -> None:
        """Set something else that people should know; None removes it."""
        _set(self._notes, about, text)

    def age_s(self, deed: Deed) -> float:
        """How long ago something was last done; before the first time, how long ago the worker began."""
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
