"""How a partition of a source shares its worker with others: it makes up for waits, and rests when nothing came."""

from collections.abc import Callable
from typing import TypeVar

from operators.connectors.stop import Stop
from operators.sources.polling import Polling

CATCH_UP = 0.8  # Of an epoch: how long a partition may work at a stretch to make up for a wait.

Item = TypeVar("Item")


class Pace:
    """One partition's; `epoch_s` is given where several workers wait for each other, else it is 0."""

    def __init__(self, polling: Polling, epoch_s: float) -> None:
        self._polling = polling
        self._epoch_s = epoch_s
        self._epoch_began = polling.clock()
        self._barred_since: float | None = None
        self._rested = -1

    def stretch(self, read: Callable[[], list[Item]], ended: Callable[[], bool]) -> list[Item]:
        """Return what one read brings, and after a wait at the end of an epoch what as long a time brings.

        Workers wait for each other there, and the engine takes that wait out of the next epoch: without this the faster
        worker would get one batch an epoch.
        """
        items = read()
        began, waited = self._polling.clock(), self._waited()
        while items and not ended() and self._polling.clock() - began < waited:
            items += read()
        return items

    def rest(self, *, worked: bool) -> None:
        """End a poll: shortly sleep if it and those of the other partitions brought nothing."""
        if worked:
            self._polling.worked()
        else:
            self._rested = self._polling.rest(self._rested)

    def epoch_ended(self) -> float:
        """Note that an epoch ends; return how many seconds it lasted."""
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
    """Whether the dataflow has to begin again, because the engine times epochs by a clock that stepped back."""
    step = polling.stepped_back_s()
    if step:
        count(step)
        stop.begin_again()
    return step > 0
