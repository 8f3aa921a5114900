"""The strata of all releases of a canary rule together, so that what a pane brings is added to all of them at once.

What there is of each release is what its `Strata` say: their counts are parts of the ones here.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.strata import Strata
from operators.window.series_index import SliceSeries

COUNTED = ("pending", "seen", "events")
WINDOWS = ("until", "panes")


class PooledStrata:
    """N strata of R releases: `release` (N,) are numbers in `releases`, and counts as of `Strata`, (N, ...).

    `until` and `panes` (R, SLIs) are those of the open windows. They hold as long as they `fit`: until a release or
    stratum comes or goes.
    """

    pending: Ints
    seen: Ints
    events: Ints
    until: Ints
    panes: Ints

    def __init__(self, of: Mapping[Comparison, Strata]) -> None:
        self.releases, self.of = list(of), list(of.values())
        sizes = [len(strata.names) for strata in self.of]
        self.release = np.repeat(np.arange(len(sizes)), sizes)
        ends = np.cumsum(sizes).tolist()
        for name in COUNTED:
            whole = np.concatenate([getattr(strata, name) for strata in self.of])
            setattr(self, name, whole)
            for strata, size, end in zip(self.of, sizes, ends, strict=True):
                setattr(strata, name, whole[end - size : end])
        for name in WINDOWS:
            each = np.stack([getattr(strata, name) for strata in self.of])
            setattr(self, name, each)
            for number, strata in enumerate(self.of):
                setattr(strata, name, each[number])

    def fits(self, of: Mapping[Comparison, Strata]) -> bool:
        """Whether these are the strata still, with their counts here."""
        return len(of) == len(self.of) and all(
            one is other and one.pending.base is self.pending and one.until.base is self.until
            for one, other in zip(of.values(), self.of, strict=True)
        )

    def strata(self) -> list[SliceSeries]:
        """Return the finest slice of each stratum, (N,)."""
        return [name for strata in self.of for name in strata.names]

    def apart(self) -> set[Comparison]:
        """Return the releases with a stratum that one version alone has served, as `Strata.alone` says."""
        served = (self.seen[:, :, ::2] + self.pending[:, :, ::2]).sum(axis=1) > 0
        return self._some(self.release[served[:, 0] != served[:, 1]])

    def _some(self, numbers: Ints) -> set[Comparison]:
        return {self.releases[number] for number in np.unique(numbers).tolist()}


class ServedPlaces:
    """Where what came in of a slot belongs: E times `slot`, the `stratum` of the pool, and its `arm`, (E,) each.

    `open` are slots of the releases that have no stratum yet, with these releases.
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
        places = zip(pooled.release.tolist(), pooled.strata(), strict=True)
        self._stratum = {(number, name.text): at for at, (number, name) in enumerate(places)}

    def follow(self) -> None:
        """Take the slots that have come since."""
        new: list[tuple[int, int, int]] = []
        for slot in range(self._known, len(self.names)):
            name = self.names[slot]
            for number, arm in self._arms.get(name[:2], ()) if name.dims.keys() == self.finest else ():
                stratum = self._stratum.get((number, name.text))
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
