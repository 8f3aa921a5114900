"""The time of a log by which one tells how long ago an item came: of all its items, duplicates and late ones too.

It is the k-th largest time of the last 10 k items or of any before, k being `outliers` + 1: so few wrong clocks move it
no more than they move the partition's time (`progress.py`), which is of the items that are kept. Before there are k
items it is NEVER, and all of these count as if they had come with the k-th.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.ranks import WIDER, ranked
from operators.window.watermark import NEVER


class ItemClock:
    """Goes on with each item. `now` [Unix ms] is its time, `recent` the items' own times that it is read from."""

    def __init__(self, outliers: int, now: int = NEVER, recent: Sequence[int] = ()) -> None:
        self.now = now
        self._began = now
        self._few = outliers + 1
        self._recent = np.array(recent, np.int64)

    @property
    def recent(self) -> tuple[int, ...]:
        return tuple(self._recent.tolist())

    def take(self, times: Ints) -> Ints:
        """Go on by the next items, (n,) of at least one; return the time with each."""
        if self._few == 1:
            seen = times
        else:
            known = np.concatenate((self._recent, times))
            seen = ranked(known, len(self._recent), len(known), self._few)
            self._recent = known[1 - WIDER * self._few :].copy()
        clock: Ints = np.maximum(np.maximum.accumulate(seen), self.now)
        if self._began == NEVER:
            self._began = int(clock[np.argmax(clock > NEVER)])
        self.now = int(clock[-1])
        return clock

    def since(self, clock: Ints) -> Ints:
        """Return times as they count where the time passed since them is asked for."""
        return np.maximum(clock, self._began)

    def passed(self, clock: int) -> int:
        """Return how much time has passed since the clock showed something, ms."""
        return max(self.now, self._began) - max(clock, self._began)
