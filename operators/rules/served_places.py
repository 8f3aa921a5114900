"""Where the counts of a pane's series belong in the strata of all releases of a canary rule, looked up once."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.arm_values import ComparedLeaves
from operators.rules.comparison import Comparison
from operators.rules.pooled_strata import PooledStrata
from operators.window.series_index import SliceSeries


class ServedPlaces:
    """Where the counts of slots belong: E entries of `slot`, `stratum` in the pool, and `arm`, (E,) each.

    `open` are slots without a stratum yet, with the releases that lack it.
    """

    def __init__(self, pooled: PooledStrata, names: Sequence[SliceSeries], finest: frozenset[str]) -> None:
        self.pooled, self.names, self.finest = pooled, names, finest
        self.slot: Ints = np.zeros(0, np.int64)
        self.stratum: Ints = np.zeros(0, np.int64)
        self.arm: Ints = np.zeros(0, np.int64)
        self.open: dict[int, list[Comparison]] = {}
        self._known = 0
        self._arms: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for number, release in enumerate(pooled.releases):
            for arm, version in enumerate((release.candidate, release.baseline)):
                self._arms.setdefault((release.model, version), []).append((number, arm))

    def follow(self) -> None:
        """Look up the slots that are new since the last call."""
        new: list[tuple[int, int, int]] = []
        for slot in range(self._known, len(self.names)):
            name = self.names[slot]
            for number, arm in self._arms.get(name[:2], ()) if name.dims.keys() == self.finest else ():
                stratum = self.pooled.place.get((number, name.text))
                if stratum is None:
                    self.open.setdefault(slot, []).append(self.pooled.releases[number])
                else:
                    new.append((slot, stratum, arm))
        self._known = len(self.names)
        if new:
            added = np.array(new, np.int64).T
            self.slot, self.stratum, self.arm = (
                np.concatenate(both) for both in zip((self.slot, self.stratum, self.arm), added, strict=True)
            )


class PairPlaces:
    """Where the values of compared leaves belong: the `stratum` (A,) in the pool of each pair, -1 where it has none."""

    def __init__(self, pooled: PooledStrata, leaves: ComparedLeaves) -> None:
        self.pooled, self.leaves, self.names = pooled, leaves, leaves.names
        self.stratum: Ints = np.zeros(0, np.int64)
        self._number = [pooled.number.get(release, -1) for release in leaves.releases]

    def fits(self, pooled: PooledStrata, leaves: ComparedLeaves) -> bool:
        """Whether these are the places of such strata and leaves."""
        return self.pooled is pooled and self.leaves is leaves and self.names is leaves.names

    def follow(self) -> None:
        """Look up the leaves that are new since the last call."""
        known, leaves, place = len(self.stratum), self.leaves, self.pooled.place
        if known < len(leaves.arms):
            pairs = zip(leaves.arms[known:].tolist(), leaves.leaf[known:].tolist(), strict=True)
            new = [place.get((self._number[arm // 2], self.names[leaf].text), -1) for arm, leaf in pairs]
            self.stratum = np.concatenate((self.stratum, np.array(new, np.int64)))
