"""The windows of a burn-rate rule: a ring for each length, whose sums are one array, so that all are looked up at once.

Memory: 16 bytes a slot and length of window, beside those of the rings (`rings.py`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, any_of_row, put_rows
from operators.policy.tiers import Tier
from operators.rules.pane_counts import PaneCounts
from operators.rules.rings import Ring, largest


class TierSums(NamedTuple):
    """How many events of the windows of tiers are bad, and how many there are, each (K, T)."""

    bad: Ints
    n: Ints
    bad_short: Ints
    n_short: Ints


class BurnWindows:
    """Rings by length of window [ms]; the sums of each are a part of one array, `_totals` (slots, rings, 2)."""

    def __init__(self, rings: Mapping[int, Ring], tiers: Sequence[Tier]) -> None:
        self._rings = list(rings.values())
        places = list(rings)
        self._long = np.array([places.index(tier.long_ms) for tier in tiers])
        self._short = np.array([places.index(tier.short_ms) for tier in tiers])
        self._until: int | None = None  # What `still_until` is, as long as nothing comes or goes.
        self._stack()

    @property
    def quiet(self) -> bool:
        """Whether all windows are empty."""
        return all(ring.quiet for ring in self._rings)

    @property
    def still_until(self) -> int:
        """Number of the first pane in which something falls out of a window."""
        if self._until is None:
            self._until = min([ring.still_until for ring in self._rings])
        return self._until

    def grow(self, slots: int) -> None:
        if slots > len(self._totals):
            for ring in self._rings:
                ring.grow(slots)
            self._stack()

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ..."""
        for ring in self._rings:
            ring.only(slots)
        self._stack()

    def push(self, counts: PaneCounts, slots: Ints, rows: Ints) -> list[Ints]:
        """Take the next pane, in whose counts these rows belong to these slots, which rise.

        Return arrays of slots; no slot outside them has a sum that changed.
        """
        self._until = None
        moved = [slots for ring in self._rings for slots in ring.move(counts.pane)]
        if len(slots):
            came = self._rings[0].came(counts, rows)
            totals = self._totals.take(slots, axis=0) + came[:, None]
            put_rows(self._totals, slots, totals)
            most = largest(totals)
            for ring in self._rings:
                ring.hold(slots, came, most)
            moved.append(slots[any_of_row(came)])
        return moved

    def sums(self, slots: Ints) -> TierSums:
        """Return the sums of the windows of some slots."""
        totals = self._totals.take(slots, axis=0)
        bad, n = totals[:, :, 1], totals[:, :, 0] + totals[:, :, 1]
        return TierSums(bad[:, self._long], n[:, self._long], bad[:, self._short], n[:, self._short])

    def used(self) -> NDArray[np.bool_]:
        """Return by slot whether anything is in a window."""
        return np.asarray(self._totals.any(axis=(1, 2)))

    def _stack(self) -> None:
        self._until = None
        self._totals = np.stack([ring.totals for ring in self._rings], axis=1)
        for at, ring in enumerate(self._rings):
            ring.totals = self._totals[:, at]
