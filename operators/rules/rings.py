"""Sums of one SLI over a sliding window, by slot, from hops: ended hops are taken away, events are not seen again.

A window of P panes is counted in hops of `hop_panes(P)` panes, numbered from the epoch, so that the sums do not depend
on when counting began. They cover the running hop and the full ones before it: always more than window - hop, at most
the window, and exactly the window at the end of each hop. With sixty hops, a hop is at most 1.7 % of the window; 5 m of
10 s panes has 30 hops of one pane, and is exact at each pane.

Memory: 8 bytes a slot and hop, so some 500 B a series for a window of any length; at most half of that when saved.
Where counts of a window need more than 32 bits, it takes twice as much.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import FEW, Ints, any_of_row, put_rows, true_at, with_rows
from operators.rules.pane_counts import PaneCounts
from operators.window.partial import BAD, GOOD
from operators.window.watermark import END, NEVER

HOPS = 60
INT32_MAX = int(np.iinfo(np.int32).max)
Hops = NDArray[np.int32] | NDArray[np.int64]


def hop_panes(panes: int) -> int:
    """Return how many panes of a window of `panes` make one hop.

    A hop is at least a sixtieth of the window; where a length below twice that fits the window a whole number of times,
    it is used. Where none does (a prime number of panes above 60), the sums fall short by less than one hop more.

    >>> [hop_panes(panes) for panes in (30, 60, 90, 360, 25_920, 61)]
    [1, 1, 2, 6, 432, 2]
    """
    least = -(-panes // HOPS)
    return next((hop for hop in range(least, 2 * least) if panes % hop == 0), least)


def largest(totals: Ints) -> int:
    """Return the largest of any sums."""
    return int(np.maximum.reduce(totals, axis=None))


class Ring:
    """`totals` (slots, 2) are good and bad of the window that ends with the last pane; a new slot has none."""

    _held: list[int] | None = None  # The hops with anything in them, the oldest first; None: not worked out yet.

    def __init__(self, panes: int, sli: int) -> None:
        self.hop_panes = hop_panes(panes)
        self.sli = sli
        self.hop = NEVER  # The number of the running hop.
        self.hops: Hops = np.zeros((0, panes // self.hop_panes, 2), np.int32)
        self.totals: Ints = np.zeros((0, 2), np.int64)

    @property
    def held(self) -> list[int]:
        """The numbers of the hops with anything in them, the oldest first."""
        if self._held is None:
            size = self.hops.shape[1]
            places = true_at(self.hops.any(axis=(0, 2)))
            self._held = sorted((self.hop - (self.hop - places) % size).tolist())
        return self._held

    @property
    def quiet(self) -> bool:
        """Whether nothing is in the window, so that time may pass without a trace."""
        return not self.held

    @property
    def still_until(self) -> int:
        """Number of the first pane in which something falls out of the window; END while nothing is in it."""
        held = self.held
        return (held[0] + self.hops.shape[1]) * self.hop_panes if held else END

    def grow(self, slots: int) -> None:
        if slots > len(self.totals):
            self.hops = with_rows(self.hops, slots)  # type: ignore[assignment]  # Of the type that it has.
            self.totals = with_rows(self.totals, slots)
            self._held = self.held.copy()  # Rings that follow each other share the old list.

    def push(self, counts: PaneCounts, slots: Ints, rows: Ints) -> list[Ints]:
        """Take the next pane, in whose counts these rows belong to these slots. Slots rise; some may be left out.

        Return arrays of slots; no slot outside them has a sum that changed.
        """
        moved = self.move(counts.pane)
        if len(slots):
            came = self.came(counts, rows)
            totals = self.totals.take(slots, axis=0) + came
            put_rows(self.totals, slots, totals)
            self.hold(slots, came, largest(totals))
            moved.append(slots[any_of_row(came)])
        return moved

    def came(self, counts: PaneCounts, rows: Ints) -> Ints:
        """Return the good and bad of these rows of a pane, (K, 2)."""
        return counts.slis.take(rows, axis=0)[:, self.sli, GOOD : BAD + 1]

    def move(self, pane: int) -> list[Ints]:
        """Move on to a pane; return the slots for which something falls out of the window, for each hop that does."""
        hop, held, size, moved = pane // self.hop_panes, self.held, self.hops.shape[1], list[Ints]()
        while held and held[0] <= hop - size:
            column = self.hops[:, held.pop(0) % size]
            slots = true_at(any_of_row(column))
            self.totals[slots] -= column[slots]
            column[slots] = 0
            moved.append(slots)
        self.hop = max(self.hop, hop)
        return moved

    def hold(self, slots: Ints, came: Ints, most: int) -> None:
        """Add to the running hop what came in for slots, (K, 2); none has more than `most` in the window."""
        if self.hops.dtype == np.int32 and most > INT32_MAX:
            self.hops = self.hops.astype(np.int64)
        place = self.hop % self.hops.shape[1]
        if self.hops.dtype == np.int32 and len(slots) > FEW:
            # Good and bad are added as one number: neither overflows into the other.
            self.hops.view(np.int64)[:, place, 0][slots] += np.ascontiguousarray(came, np.int32).view(np.int64)[:, 0]
        else:
            self.hops[:, place][slots] += came
        if self.held[-1:] != [self.hop] and came.any():
            self.held.append(self.hop)

    def follow(self, other: "Ring") -> None:
        """Share the arrays of another ring of the same window, until either keeps other slots or grows."""
        self.hop, self.hops, self.totals, self._held = other.hop, other.hops, other.totals, other._held

    def same(self, other: "Ring") -> bool:
        """Tell, by slot, whether another ring has the same panes in its window."""
        return self.hop == other.hop and np.array_equal(self.hops, other.hops)

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ..."""
        self.hops, self.totals = self.hops[slots], self.totals[slots]
        self._held = None

    def __getstate__(self) -> dict[str, Any]:
        """Only the series with something in the window, in as few bytes as the largest count needs: a third or less."""
        rows = true_at(self.totals.any(axis=1))
        kept = self.hops[rows]
        state = {name: value for name, value in self.__dict__.items() if name != "_held"}
        return state | {
            "hops": kept.astype(np.min_scalar_type(int(kept.max(initial=0)))),
            "totals": (rows, len(self.totals)),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        kept, (rows, slots) = state["hops"], state["totals"]
        wide = int(kept.max(initial=0)) > INT32_MAX
        self.hops = np.zeros((slots, *kept.shape[1:]), np.int64 if wide else np.int32)
        self.hops[rows] = kept
        self.totals = self.hops.sum(axis=1, dtype=np.int64)
