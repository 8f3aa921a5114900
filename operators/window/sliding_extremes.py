"""Extremes of the hops of a sliding window: a maximum cannot be subtracted, but what it replaced can be put back.

The older hops were added from the newest to the oldest, and each kept what its slots held without it: when it leaves,
that is put back. Newer hops are only added to maxima of their own; once no older hop is left they become the older
hops. So a hop costs a few passes over its own slots, however many hops a window has.

A value that a later hop of the same window exceeds never counts again, and is dropped: most are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints

NONE = -np.inf
LEAST = float(np.finfo(np.float64).min)
FEW = 64  # With fewer slots all values are kept: thinning is not worth it.
AT_ONCE = 8  # So many hops wait to be thinned together; every four times as many are thinned again.
Slots = NDArray[np.signedinteger[Any]]
Thinned = tuple[NDArray[np.int32], Floats]  # Places in the flattened maxima, and the value at each.


class SlidingExtremes:
    """State: maxima of the older and of the newer hops, (slots, M, 2); what each hop puts back, or has of its own."""

    def __init__(self, measures: int) -> None:
        self._older: Floats = np.full((0, measures, 2), NONE)
        self._newer: Floats = np.full((0, measures, 2), NONE)
        self._leaving: list[Thinned] = []  # What each of the older hops replaced; the oldest last.
        self._came: list[Thinned] = []  # Values of the newer hops that later ones do not exceed; the oldest first.
        self._last: list[tuple[Slots, Floats]] = []  # Slots and extremes of the newest hops, which are not thinned yet.

    def push(self, slots: Slots, extremes: Floats) -> None:
        """Take the extremes (W, M, 2) of the next hop, whose `slots` (W,) rise."""
        self._reserve(int(slots[-1]) + 1)
        self._newer[slots] = np.maximum(self._newer[slots], extremes)
        self._last.append((slots, extremes))
        if len(self._last) == AT_ONCE:
            self._thin()

    def drop(self) -> None:
        """Take away the oldest hop."""
        if not self._leaving:
            self._turn()
        places, before = self._leaving.pop()
        self._older.reshape(-1)[places] = before

    def clear(self) -> None:
        """Take all hops away."""
        self._thin()
        for places, _ in (*self._came, *self._leaving):
            self._newer.reshape(-1)[places] = self._older.reshape(-1)[places] = NONE
        self._came.clear()
        self._leaving.clear()

    def of(self, slots: Ints) -> Floats:
        """Return the extremes of these slots, (slots, M, 2); -inf without values."""
        return np.maximum(self._older[slots], self._newer[slots])

    def renumber(self, new_slot: Ints, kept: Ints) -> None:
        """Renumber the slots: `new_slot` (old slots,) maps old slots to new ones, `kept` (new slots,) new to old."""
        self._reserve(int(kept.max(initial=-1)) + 1)
        self._older, self._newer = self._older[kept], self._newer[kept]
        self._last = [(new_slot[slots].astype(slots.dtype), extremes) for slots, extremes in self._last]
        self._leaving = [(self._moved(places, new_slot), before) for places, before in self._leaving]
        self._came = [(self._moved(places, new_slot), values) for places, values in self._came]

    def _moved(self, places: NDArray[np.int32], new_slot: Ints) -> NDArray[np.int32]:
        slots, rest = np.divmod(places, self._width)
        return (new_slot[slots] * self._width + rest).astype(np.int32)

    @property
    def _width(self) -> int:
        return 2 * int(self._newer.shape[1])

    def _thin(self) -> None:
        """Keep only those values of the newest hops that later hops do not exceed."""
        if not self._last:
            return
        self._came += [self._laid_flat(slots, extremes) for slots, extremes in self._last]
        together = len(self._last) if len(self._came) % (4 * AT_ONCE) else 4 * AT_ONCE
        self._last.clear()
        if len(self._newer) < FEW:
            return
        later = np.full(self._newer.size, LEAST)  # So that missing values are not kept.
        for at in range(len(self._came) - 1, len(self._came) - 1 - together, -1):
            places, values = self._came[at]
            above = later[places]
            counts = values >= above
            places, values = places[counts], values[counts]
            later[places] = values
            self._came[at] = places, values

    def _laid_flat(self, slots: Slots, extremes: Floats) -> Thinned:
        firsts = slots.astype(np.int32) * np.int32(self._width)
        places: NDArray[np.int32] = np.add.outer(firsts, np.arange(self._width, dtype=np.int32))
        return places.ravel(), extremes.ravel()

    def _turn(self) -> None:
        """Make the newer hops the older ones, once none of these is left."""
        self._thin()
        older, newer = self._older.reshape(-1), self._newer.reshape(-1)
        while self._came:
            places, values = self._came.pop()
            before = older[places]
            newer[places] = NONE
            changed = values > before
            places, before = places[changed], before[changed]
            older[places] = values[changed]
            self._leaving.append((places, before))

    def _reserve(self, slots: int) -> None:
        if slots > len(self._newer):
            more = ((0, max(slots, 5 * len(self._newer) // 4) - len(self._newer)), (0, 0), (0, 0))
            self._older, self._newer = (np.pad(each, more, constant_values=NONE) for each in (self._older, self._newer))
