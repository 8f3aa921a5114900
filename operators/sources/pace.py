"""How partitions of a source share their worker: one makes up for waits, and rests when nothing came."""

from collections.abc import Callable
from typing import TypeVar

from operators.connectors.stop import Stop
from operators.sources.polling import Polling

CATCH_UP = 0.8  # The share of an epoch that a partition may work at a stretch to make up for a wait.

Item = TypeVar("Item")


class Pace:
    """The pace of one partition; `epoch_s` is 0 unless several workers wait for each other."""

    def __init__(self, polling: Polling, epoch_s: float) -> None:
        self._polling = polling
        self._epoch_s = epoch_s
        self._epoch_began = polling.clock()
        self._barred_since: float | None = None
        self._rested = -1

    def stretch(self, read: Callable[[], list[Item]], ended: Callable[[], bool]) -> list[Item]:
        """Return the items of one read, or after a wait at the end of an epoch those of reads for as long as the wait.

        Workers wait for each other there, and the engine deducts that wait from the next epoch: without this the faster
        worker would get one batch per epoch.
        """
        items = read()
        began, waited = self._polling.clock(), self._waited()
        while items and not ended() and self._polling.clock() - began < waited:
            items += read()
        return items

    def rest(self, *, worked: bool) -> None:
        """End a poll: sleep briefly if it and those of the other partitions brought nothing."""
        if worked:
            self._polling.worked()
        else:
            self._rested = self._polling.rest(self._rested)

    def epoch_ended(self) -> float:
        """Note that an epoch ends; return its length in seconds."""
        now = self._polling.clock()
        seconds = now - self._epoch_began
        self._epoch_began = self._barred_since = now
        return seconds

    def _waited(self) -> float:
        since, self._barred_since = self._barred_since, None
        if since is None:
            return 0.0
        return min(self._polling.clock() - since, CATCH_UP * self._epoch_s)


def stepped_back(polling: Polling, stop: Stop, count: Callable[[float], None]) -> bool:
    """Tell whether the dataflow must begin again, because the clock by which the engine times epochs stepped back."""
    step = polling.stepped_back_s()
    if step:
        count(step)
        stop.begin_again()
    return step > 0
