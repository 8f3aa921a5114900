"""Extremes of the hops of a sliding window: a maximum cannot be taken away, but what was there before it came can.

The older hops were gone through from the newest to the oldest, and each kept what its slots had without it: as it
leaves, that is put back. The newer ones only add to their maxima; once no older hop is left they become the older
ones. So a hop costs three passes over its own slots, however many hops a window has.
"""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints

NONE = -np.inf
Slots = NDArray[np.signedinteger[Any]]


class SlidingExtremes:
    """State: maxima of the older and of the newer hops, (slots, M, 2); of each hop its own, or what it puts back."""

    def __init__(self, measures: int) -> None:
        self._older: Floats = np.full((0, measures, 2), NONE)
        self._newer: Floats = np.full((0, measures, 2), NONE)
        self._leaving: list[tuple[Slots, Floats]] = []  # Slots, and what they had before: of the oldest hop last.
        self._came: deque[tuple[Slots, Floats]] = deque()  # Slots and extremes of the newer hops, the oldest first.

    def push(self, slots: Slots, extremes: Floats) -> None:
        """Take the extremes (W, M, 2) of the next hop, whose `slots` (W,) rise."""
        self._reserve(int(slots[-1]) + 1)
        self._newer[slots] = np.maximum(self._newer[slots], extremes)
        self._came.append((slots, extremes))

    def drop(self) -> None:
        """Take away the oldest hop."""
        if not self._leaving:
            self._turn()
        slots, before = self._leaving.pop()
        self._older[slots] = before

    def clear(self) -> None:
        """Take all hops away."""
        for slots, _ in (*self._came, *self._leaving):
            self._newer[slots] = self._older[slots] = NONE
        self._came.clear()
        self._leaving.clear()

    def of(self, slots: Ints) -> Floats:
        """Return the extremes of these slots, (slots, M, 2); -inf without values."""
        return np.maximum(self._older[slots], self._newer[slots])

    def renumber(self, new_slot: Ints, kept: Ints) -> None:
        """Go over to other slots: `new_slot` (old slots,) says which, `kept` (new slots,) which was which."""
        self._reserve(int(kept.max(initial=-1)) + 1)
        self._older, self._newer = self._older[kept], self._newer[kept]
        self._leaving = [(new_slot[slots].astype(slots.dtype), before) for slots, before in self._leaving]
        self._came = deque((new_slot[slots].astype(slots.dtype), extremes) for slots, extremes in self._came)

    def _turn(self) -> None:
        """Let the newer hops be the older ones, of which there is none."""
        while self._came:
            slots, extremes = self._came.pop()
            before = self._older[slots]
            self._older[slots] = np.maximum(before, extremes)
            self._newer[slots] = NONE
            self._leaving.append((slots, before))

    def _reserve(self, slots: int) -> None:
        if slots > len(self._newer):
            more = ((0, max(slots, 2 * len(self._newer)) - len(self._newer)), (0, 0), (0, 0))
            self._older, self._newer = (np.pad(each, more, constant_values=NONE) for each in (self._older, self._newer))
