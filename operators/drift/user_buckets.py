"""How many events of a running window each bucket of users has, by slot: this shows how alike the events are.

Memory: 8 KB a slot once an event has named a user or a session, nothing before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.stats.design_effect import BUCKETS, pairs_of


class Packed(NamedTuple):
    """The number of `slots`, the rising `places` slot * BUCKETS + bucket with an event, and `n` at each."""

    slots: int
    places: Ints
    n: Ints


class UserBuckets:
    """Counts (slots, BUCKETS), which grow; slots past the end have none."""

    def __init__(self, packed: Packed = Packed(0, np.zeros(0, np.int64), np.zeros(0, np.int64))) -> None:  # noqa: B008  # Frozen.
        self._counts: NDArray[np.uint32] = np.zeros((packed.slots, BUCKETS), np.uint32)
        self._counts.ravel()[packed.places] = packed.n

    def add(self, cells: Ints) -> None:
        """Add (V, 3) of slot, bucket and n."""
        if len(cells):
            slot, bucket, n = cells.T
            self._grow(int(slot.max()) + 1)
            self._counts[slot, bucket] += n.astype(np.uint32)

    def clear(self) -> None:
        self._counts[:] = 0

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ..."""
        if len(self._counts):
            self._grow(int(slots.max(initial=-1)) + 1)
            self._counts = self._counts[slots]

    def pairs(self, slots: Ints) -> Floats:
        """Return about how many ordered pairs of events of each of these slots share their user, (K,)."""
        if not len(self._counts):
            return np.zeros(len(slots))
        self._grow(int(slots.max(initial=-1)) + 1)
        return pairs_of(self._counts[slots])

    def packed(self) -> Packed:
        """Return what `UserBuckets` can be made from again."""
        places = np.flatnonzero(self._counts)
        return Packed(len(self._counts), places, self._counts.ravel()[places].astype(np.int64))

    def _grow(self, slots: int) -> None:
        more = slots - len(self._counts)
        if more > 0:
            self._counts = np.pad(self._counts, ((0, max(more, len(self._counts))), (0, 0)))
