"""The time of a log that tells how long ago an item came: by all its items, duplicates and late ones too.

It is the largest so far of the k-th largest times of the last 10 k items, with k = `outliers` + 1: so a few wrong
clocks move it no more than they move the partition's time (`progress.py`), which is by the kept items alone. Before
there are k items it is NEVER, and the first k items count as if all had come with the k-th.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.ranks import WIDER, ranked
from operators.window.watermark import NEVER


class ItemClock:
    """Advances with each item. `now` [Unix ms] is its time, `recent` the items' own times it derives from."""

    def __init__(self, outliers: int, now: int = NEVER, recent: Sequence[int] = ()) -> None:
        self.now = now
        self._began = now
        self._few = outliers + 1
        self._recent = np.array(recent, np.int64)

    @property
    def recent(self) -> tuple[int, ...]:
        return tuple(self._recent.tolist())

    def take(self, times: Ints) -> Ints:
        """Advance by the next items, (n,), at least one; return the clock at each."""
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
        """Return times of the clock for measuring the time since them: none before it began."""
        return np.maximum(clock, self._began)

    def passed(self, clock: int) -> int:
        """Return the time that has passed since the clock showed `clock`, ms."""
        return max(self.now, self._began) - max(clock, self._began)
