"""What came in of a release, stratum by stratum: the finest slices, each compared within itself, at the same time.

A stratum is counted over a window of blocks of time, and compared if both versions had events in it; what only one had
is left out. When a window begins and ends depends on neither: the candidate's few requests and the baseline's many come
at any time within it alike, so a rate that moves for both does not affect the comparison. (Keeping the baseline's
requests until the candidate has one would compare those of a quiet hour with one of the minute after.)

Windows last one block, or a power of two of blocks where traffic is so thin that much would be left out: with Poisson
counts of mean L of both versions in a stratum and window, 1 - (1 - e^-L) / L is kept of what pooling for ever would
tell, and a window is as short as keeps half of that. The length follows from earlier windows, and from how many events
came, not from their outcomes: traffic is known before outcomes are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from operators.arrays import Floats, Ints, with_rows
from operators.rules.guard import whole
from operators.rules.window_lengths import window_blocks
from operators.stats.multiple_testing import Bools
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries
from operators.window.watermark import NEVER

Served = tuple[SliceSeries, Ints]  # A finest slice of a version, and its counts by SLI, (SLIs, 3).
MOVED_MIN = 0.05  # Of a version's traffic: a stratum whose share differs by less has not moved.
MOVED_MAX = 3  # Strata that are named in a sentence.
MIX = "the mix of traffic differs"
DIFFER_MIN = 0.002  # A raw and an adjusted difference that are closer than this agree.


class ComparedWindow(NamedTuple):
    """The counts of `slis` in `panes` panes from `begins` on: T comparisons, by stratum and SLI, `counts` (T, 4).

    `whole` (slis, 4) is all traffic, as `guard.py` uses it.
    """

    begins: int
    panes: int
    slis: Ints
    strata: Ints
    of: Ints
    counts: Ints
    whole: Ints


class Strata:
    """Counts n_c, x_c, n_b, x_b by stratum and SLI: `pending` of the windows that are open, `seen` of those that ended.

    `events` (strata, SLIs, 2) are n_c, n_b that were compared. The open window of each SLI ends with the pane before
    `until`, NEVER without one, and lasts `panes`; the first one began at `first`. No window lasts longer than `most`
    panes, or a block, whichever is longer.
    """

    def __init__(self, slis: int, most: int) -> None:
        self.most = most
        self.names: list[SliceSeries] = []
        self._index: dict[str, int] = {}
        self.pending: Ints = np.zeros((0, slis, 4), np.int64)
        self.seen: Ints = np.zeros((0, slis, 4), np.int64)
        self.events: Ints = np.zeros((0, slis, 2), np.int64)
        self.until: Ints = np.full(slis, NEVER)
        self.panes: Ints = np.zeros(slis, np.int64)
        self.first: Ints = np.full(slis, NEVER)

    def open(self, begins: int, panes: int, slis: Ints) -> None:
        """Set the block that the next counts of `slis` belong to; windows that ended untaken are dropped."""
        others = slis[self.until[slis] <= begins]
        if len(others):
            self.first[others] = np.where(self.first[others] == NEVER, begins, self.first[others])
            lasted, release = (begins - self.first[others])[None], np.zeros(len(self.names), np.int64)
            blocks = window_blocks(self.seen[:, others], release, lasted, panes, np.array([self.most]))[0]
            self.panes[others], self.until[others] = panes * blocks, (begins // (panes * blocks) + 1) * panes * blocks
            self.pending[:, others] = 0

    def add(self, candidate: Sequence[Served], baseline: Sequence[Served]) -> None:
        """Add what each version served in a pane: for each slice good, bad and neither of each SLI."""
        self._number([name for name, _ in (*candidate, *baseline)])
        for arm, served in enumerate((candidate, baseline)):
            for name, counts in served:
                place = self.pending[self._index[name.text]]
                place[:, 2 * arm] += counts[:, GOOD] + counts[:, BAD]
                place[:, 2 * arm + 1] += counts[:, BAD]

    def add_last(self, names: Sequence[SliceSeries], arms: Ints, counts: Ints) -> None:
        """Add all and bad of the last columns, (E, columns, 2), each of a slice of candidate (0) or baseline (1)."""
        self._number(names)
        at, columns = [self._index[name.text] for name in names], slice(-counts.shape[1], None)
        self.pending[at, columns, 2 * arms] += counts[:, :, 0]
        self.pending[at, columns, 2 * arms + 1] += counts[:, :, 1]

    def take(self, pane: int, slis: Ints) -> Iterator[ComparedWindow]:
        """Yield the windows of `slis` that end before a pane, and close them: call `open` before the next `add`."""
        ended = slis[(self.until[slis] != NEVER) & (self.until[slis] <= pane)]
        spans = sorted({(int(self.until[sli]), int(self.panes[sli])) for sli in ended.tolist()})
        for until, panes in spans:
            some = ended[(self.until[ended] == until) & (self.panes[ended] == panes)]
            came = self.pending[:, some]
            both: Bools = np.all(came[:, :, ::2] > 0, axis=2)
            stratum, place = np.nonzero(both)
            counts = came[stratum, place]
            yield ComparedWindow(
                until - panes, panes, some, stratum, some[place], counts, whole(self.seen[:, some], came)
            )
            self.seen[:, some] += came
            self.events[stratum, some[place]] += counts[:, ::2]
            self.pending[:, some], self.until[some] = 0, NEVER

    def ready(self, slis: Ints) -> bool:
        """Whether an open window of `slis` already has something to compare when it ends."""
        return bool((self.pending[:, slis, ::2] > 0).all(axis=2).any())

    @property
    def served(self) -> Ints:
        """All events of candidate and baseline, (strata, SLIs, 2), compared or not."""
        return self.seen[:, :, ::2] + self.pending[:, :, ::2]

    def alone(self, candidate: str, baseline: str) -> tuple[str, ...]:
        """Say which strata are not compared because only one version serves them, those with most events first."""
        events = self.served.sum(axis=1)
        apart = [index for index, both in enumerate(events.tolist()) if (both[0] > 0) != (both[1] > 0)]
        apart.sort(key=lambda index: (-int(events[index].sum()), self.names[index].text))
        parts = [
            f"{self.names[index].text} is served by {candidate if events[index, 0] else baseline} alone, so it is not "
            "compared"
            for index in apart[:MOVED_MAX]
        ]
        more = len(apart) - len(parts)
        return (*parts, *([f"{more} further slices are served by one version alone"] if more else []))

    def _number(self, names: Sequence[SliceSeries]) -> None:
        """Give new strata their places, in order of their texts."""
        new = [name for name in names if name.text not in self._index]
        for name in sorted(new, key=lambda name: name.text):
            if name.text not in self._index:  # A stratum is shared by both versions.
                self._index[name.text] = len(self.names)
                self.names.append(name)
        if len(self.names) > len(self.pending):
            for each in ("pending", "seen", "events"):
                setattr(self, each, with_rows(getattr(self, each), len(self.names)))

    def __getstate__(self) -> dict[str, Any]:
        """All fields but those that follow from the names."""
        return {name: value for name, value in self.__dict__.items() if name != "_index"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._index = {name.text: at for at, name in enumerate(self.names)}


def mix_moved(strata: Strata, sli: int, dims: Mapping[str, str], raw: float, adjusted: float) -> str:
    """Say that the mix of traffic explains a difference; empty where it does not.

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


def without_windows(fields: dict[str, Any]) -> dict[str, Any]:
    """Return strata saved before there were windows as strata of now: counts that only one version had are dropped."""
    events, slis = fields["events"], fields["events"].shape[1]
    none = np.full(slis, NEVER)
    return fields | {
        "most": 360,
        "pending": np.zeros_like(fields["pending"]),
        "seen": np.stack((events[:, :, 0], 0 * events[:, :, 0], events[:, :, 1], 0 * events[:, :, 1]), axis=2),
        "until": none,
        "panes": np.zeros(slis, np.int64),
        "first": none.copy(),
    }
