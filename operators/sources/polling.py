"""Polls of one process's partitions by the monotonic clock: paces empty rounds, and tells stalls from silence.

The engine compares the times when a source wants to be woken, and when epochs end, with the wall clock. If that steps
back, the engine sleeps, and leaves the epoch open, for as long as the step. So sources are always due and rest here,
and after a step the dataflow must begin again (`stop.Stop.begin_again`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

ALWAYS_DUE = datetime.fromtimestamp(0, UTC)  # Before any wall clock: the engine polls again at once.
REST_S = 0.002  # Slept in a round of polls in which no partition had anything to do.
# Between two polls of one process: more than an epoch's work at a stretch, and less than the usual disorder that panes
# wait for, so that nothing is decided meanwhile without messages that could not be read.
STALL_S = 3.0
HOLD_S = 1.0  # After a stall of one of several processes, for messages of the others to arrive.
STEP_S = 1.0  # A smaller step back of the wall clock only makes one epoch longer by it.


class Polling:
    """Call `begin` before each poll of a partition, `rest` after each one that brought nothing."""

    def __init__(
        self,
        *,
        several: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self._wall = wall
        self._sleep = sleep
        self._several = several
        self._last = float("-inf")  # Before the first poll nothing was read, as in a stall.
        self._ahead = wall() - clock()  # How far the wall clock is ahead.
        self._worked = 0
        self._held_until = float("-inf")

    def begin(self) -> bool:
        """Note a poll; return whether the process stood still before it, or had not begun."""
        now = self.clock()
        stalled = now - self._last > STALL_S
        self._last = now
        if stalled and self._several:
            self._held_until = now + HOLD_S
        return stalled

    @property
    def held(self) -> bool:
        """Whether reading must still wait after a stall."""
        return self.clock() < self._held_until

    def stepped_back_s(self) -> float:
        """Return how far the wall clock has stepped back since the last call; 0.0 for less than `STEP_S`."""
        ahead = self._wall() - self.clock()
        step, self._ahead = self._ahead - ahead, ahead
        return step if step >= STEP_S else 0.0

    def worked(self) -> None:
        """Note that a poll brought something, or did its own waiting."""
        self._worked += 1

    def rest(self, seen: int) -> int:
        """Sleep briefly if nothing has happened since the caller's last empty poll, which returned `seen`.

        So if many partitions all have nothing to do, one sleeps in each round, and none while another works.
        """
        if seen == self._worked:
            self._sleep(REST_S)
            self._worked += 1
        return self._worked
