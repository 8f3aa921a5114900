"""What came in of a release, stratum by stratum: the finest slices, each compared within itself.

A stratum is pooled until both versions have had something in it, so that at little traffic no event is left out. That
depends on how much came and not on what came of it, so the blocks may be cut so: traffic is known before outcomes are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operators.arrays import Floats, Ints
from operators.stats.multiple_testing import Bools
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries

Served = tuple[SliceSeries, Ints]  # A finest slice of a version, and its counts by SLI, (SLIs, 3).
MOVED_MIN = 0.05  # Of a version's traffic: a stratum whose share differs by less has not moved.
MOVED_MAX = 3  # Strata that are named.
MIX = "the mix of traffic differs"
DIFFER_MIN = 0.002  # A raw and an adjusted difference that are closer than this agree.


class Strata:
    """`pending` (strata, SLIs, 4) are n_c, x_c, n_b, x_b not taken yet, `events` (strata, SLIs, 2) n_c, n_b taken."""

    def __init__(self, slis: int) -> None:
        self.names: list[SliceSeries] = []
        self._index: dict[str, int] = {}
        self.pending: Ints = np.zeros((0, slis, 4), np.int64)
        self.events: Ints = np.zeros((0, slis, 2), np.int64)

    def add(self, candidate: Sequence[Served], baseline: Sequence[Served]) -> None:
        """Take what each version served in a pane: of each slice good, bad and neither of each SLI."""
        for name in sorted((name for name, _ in (*candidate, *baseline)), key=lambda name: name.text):
            if name.text not in self._index:
                self._index[name.text] = len(self.names)
                self.names.append(name)
        more = len(self.names) - len(self.pending)
        if more:
            self.pending = np.pad(self.pending, ((0, more), (0, 0), (0, 0)))
            self.events = np.pad(self.events, ((0, more), (0, 0), (0, 0)))
        for arm, served in enumerate((candidate, baseline)):
            for name, counts in served:
                place = self.pending[self._index[name.text]]
                place[:, 2 * arm] += counts[:, GOOD] + counts[:, BAD]
                place[:, 2 * arm + 1] += counts[:, BAD]

    def __getstate__(self) -> dict[str, Any]:
        """All but what follows from the names."""
        return {"names": self.names, "pending": self.pending, "events": self.events}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.names, self.pending, self.events = state["names"], state["pending"], state["events"]
        self._index = {name.text: at for at, name in enumerate(self.names)}

    @property
    def ready(self) -> bool:
        """Whether something can be taken."""
        return bool((self.pending[:, :, ::2] > 0).all(axis=2).any())

    def alone(self, candidate: str, baseline: str) -> tuple[str, ...]:
        """Say which strata are not compared, as only one of the versions serves them, those with most events first."""
        events = (self.events + self.pending[:, :, ::2]).sum(axis=1)
        apart = [index for index, both in enumerate(events.tolist()) if (both[0] > 0) != (both[1] > 0)]
        apart.sort(key=lambda index: (-int(events[index].sum()), self.names[index].text))
        said = [
            f"{self.names[index].text} is served by {candidate if events[index, 0] else baseline} alone, so it is not "
            "compared"
            for index in apart[:MOVED_MAX]
        ]
        more = len(apart) - len(said)
        return (*said, *([f"{more} further slices are served by one version alone"] if more else []))

    def take(self, slis: Ints) -> tuple[Ints, Ints, Ints]:
        """Take out what both versions have something of: numbers of strata and SLIs, (T,), and counts (T, 4).

        Only of `slis`; the others wait.
        """
        both: Bools = np.all(self.pending[:, slis, ::2] > 0, axis=2)
        stratum, sli = np.nonzero(both)
        sli = slis[sli]
        counts = self.pending[stratum, sli]
        self.pending[stratum, sli] = 0
        self.events[stratum, sli] += counts[:, ::2]
        return stratum, sli, counts


def moved(strata: Strata, sli: int, dims: Mapping[str, str], raw: float, adjusted: float) -> str:
    """Say that the mix of traffic explains a difference, where it does; else nothing.

    The raw and the adjusted difference disagree where they differ by more than half of the larger one.
    """
    if abs(raw - adjusted) <= max(max(abs(raw), abs(adjusted)) / 2, DIFFER_MIN):
        return ""
    mine = [index for index, name in enumerate(strata.names) if dims.items() <= name.dims.items()]
    events: Floats = strata.events[mine, sli].astype(float)
    shares = events / np.maximum(events.sum(axis=0), 1.0)
    change = shares[:, 0] - shares[:, 1]
    largest = sorted(range(len(mine)), key=lambda place: (-abs(change[place]), strata.names[mine[place]].text))
    named = [
        f"{strata.names[mine[place]].text} is {shares[place, 0]:.0%} of the candidate's and {shares[place, 1]:.0%} of "
        "the baseline's"
        for place in largest[:MOVED_MAX]
        if abs(change[place]) >= MOVED_MIN
    ]
    return MIX + (": " + "; ".join(named) if named else "")
