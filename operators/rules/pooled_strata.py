"""The strata of all releases of a canary rule together, so that the counts of a pane are added to all of them at once.

The `Strata` of each release are still what counts: their arrays are views of the ones here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.strata import Strata
from operators.rules.window_lengths import window_blocks
from operators.stats.multiple_testing import Bools
from operators.window.watermark import NEVER

COUNTED = ("pending", "seen", "events")
WINDOWS = ("until", "panes", "first")


class EndedWindows(NamedTuple):
    """T comparisons of windows that ended, by `stratum` and `sli`: `counts` (T, 4) of `panes` from `begins` on."""

    stratum: Ints
    sli: Ints
    counts: Ints
    begins: Ints
    panes: Ints


class PooledStrata:
    """N strata of R releases: `release` (N,) is the number of each in `releases`; counts are as in `Strata`, (N, ...).

    `until`, `panes` and `first` (R, SLIs) are those of the open windows. The pool holds as long as it `fits`: until a
    release or stratum comes or goes. `number` is that of each release, `place` that of each stratum, by the number of
    its release and its text.
    """

    pending: Ints
    seen: Ints
    events: Ints
    until: Ints
    panes: Ints
    first: Ints

    def __init__(self, of: Mapping[Comparison, Strata]) -> None:
        self.releases, self.of = list(of), list(of.values())
        sizes = [len(strata.names) for strata in self.of]
        self.release = np.repeat(np.arange(len(sizes)), sizes)
        ends = np.cumsum(sizes).tolist()
        self.number = {release: number for number, release in enumerate(self.releases)}
        self.names = [name for strata in self.of for name in strata.names]
        self.most = np.array([strata.most for strata in self.of], np.int64)
        self._place: dict[tuple[int, str], int] = {}
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
        """Whether the strata are still these, with their counts here."""
        return len(of) == len(self.of) and all(
            one is other and one.pending.base is self.pending and one.until.base is self.until
            for one, other in zip(of.values(), self.of, strict=True)
        )

    @property
    def place(self) -> Mapping[tuple[int, str], int]:
        if not self._place:
            self._place = {
                (number, name.text): at
                for at, (number, name) in enumerate(zip(self.release.tolist(), self.names, strict=True))
            }
        return self._place

    def open(self, served: Bools, begins: int, panes: int, slis: Ints) -> None:
        """Do what `Strata.open` does for those releases that are `served`, (R,)."""
        ended: Bools = np.logical_and(served[:, None], self.until[:, slis] <= begins)
        if not ended.any():
            return
        opens = np.asarray(ended.any(axis=1))
        some, here, place = np.flatnonzero(opens), np.flatnonzero(opens[self.release]), np.zeros(len(served), np.int64)
        place[some] = np.arange(len(some))
        at, new = np.ix_(some, slis), ended[some]
        first = np.where(new & (self.first[at] == NEVER), begins, self.first[at])
        seen, of = self.seen[np.ix_(here, slis)], place[self.release[here]]
        lasts = panes * window_blocks(seen, of, begins - first, panes, self.most[some])
        self.first[at] = first
        self.panes[at] = np.where(new, lasts, self.panes[at])
        self.until[at] = np.where(new, (begins // lasts + 1) * lasts, self.until[at])
        self.pending[np.ix_(here, slis)] *= ~new[of][:, :, None]

    def ended(self, pane: int, slis: Ints) -> Bools:
        """Return whose windows of `slis` end before a pane, (R, slis)."""
        until = self.until[:, slis]
        return np.asarray((until != NEVER) & (until <= pane))

    def comparable(self, slis: Ints) -> Bools:
        """Return in which strata both versions had events of `slis`, (N, slis)."""
        return np.asarray((self.pending[:, slis, ::2] > 0).all(axis=2))

    def take(self, ended: Bools, slis: Ints) -> EndedWindows:
        """Do what `Strata.take` does of windows of `slis` that have `ended`, (R, slis)."""
        inside = ended[self.release]
        stratum, place = np.nonzero(self.comparable(slis) & inside)
        release, sli = self.release[stratum], slis[place]
        panes = self.panes[release, sli]
        windows = EndedWindows(stratum, sli, self.pending[stratum, sli], self.until[release, sli] - panes, panes)
        came = self.pending[:, slis]
        self.seen[:, slis] += came * inside[:, :, None]
        self.events[stratum, sli] += windows.counts[:, ::2]
        self.pending[:, slis] = came * ~inside[:, :, None]
        self.until[:, slis] = np.where(ended, NEVER, self.until[:, slis])
        return windows

    def apart(self) -> set[Comparison]:
        """Return the releases with a stratum that only one version has served, as in `Strata.alone`."""
        served = (self.seen[:, :, ::2] + self.pending[:, :, ::2]).sum(axis=1) > 0
        return self._some(self.release[served[:, 0] != served[:, 1]])

    def _some(self, numbers: Ints) -> set[Comparison]:
        return {self.releases[number] for number in np.unique(numbers).tolist()}
