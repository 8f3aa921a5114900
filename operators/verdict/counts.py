"""What the rules of a shard see of a closed pane: counts of its series, added up to the slices that rules name."""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.mirrored import is_mirrored, mirrored
from operators.rules import Grain
from operators.window.chains import units
from operators.window.partial import Ints, Partial, Series
from operators.window.slots import Reported, Slots, rollup

ALL_VERSIONS = "*"


def _all_of(version: str) -> str:
    """Return under which name all versions are counted together, and apart from them all copies of requests."""
    return mirrored(ALL_VERSIONS) if is_mirrored(version) else ALL_VERSIONS


class PaneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One closed pane: `slots` (W,) are the series that something came in for, each once and rising.

    `events` (W,) counts requests, 0 where there was only feedback; `slis` (W, S, 3) good, bad, neither. A pane in which
    nothing came in has W = 0. `units` (W, S, 2) are good and bad as they are compared between versions: of sessions,
    users and retried requests one event each (`window/chains.py`).
    """

    pane: int
    slots: Ints
    events: Ints
    slis: Ints
    units: Ints


class Roster:
    """Numbers the series that rules judge: (model, version, slice), and (model, `*`, slice) over all versions.

    Of versions the slices are `grains`, of all together those of `together`: each slice costs.
    """

    def __init__(
        self, dimensions: tuple[str, ...], grains: Sequence[Grain], slis: int, together: Sequence[Grain]
    ) -> None:
        self.slots = Slots(dimensions, tuple(grains))
        self.together = tuple(together)
        self.slis = slis

    @property
    def names(self) -> Sequence[Reported]:
        """The series, by slot."""
        return self.slots.names

    def count(self, pane: int, part: Partial | None) -> PaneCounts:
        """Add the finest series of a closed pane up."""
        if part is None:
            none = np.zeros(0, np.int64)
            slis = np.zeros((0, self.slis, 3), np.int64)
            return PaneCounts(pane=pane, slots=none, events=none, slis=slis, units=slis[:, :, :2])
        together = [Series(name.model, _all_of(name.version), name.values) for name in part.series]
        parents = np.hstack([self.slots.parents(part.series), self.slots.parents(together, self.together)])[part.which]
        slots, starts, source = rollup(parents)
        # Every request has an outcome, feedback has none.
        requests = np.bincount(part.outcomes[:, 0], weights=part.outcomes[:, 2], minlength=part.rows).astype(np.int64)
        return PaneCounts(
            pane=pane,
            slots=slots,
            events=np.add.reduceat(requests[source], starts),
            slis=np.add.reduceat(part.slis[source], starts, axis=0),
            units=np.add.reduceat(_units(part)[source], starts, axis=0),
        )

    def go_on(self, grains: Sequence[Grain], together: Sequence[Grain]) -> None:
        """Count under these slices from now on; the series that are known keep their slots."""
        self.slots = self.slots.only(range(len(self.names)))
        self.slots.grains, self.together = tuple(grains), tuple(together)

    def only(self, slots: Ints) -> None:
        """Keep these series, which get slots 0, 1, ...; whoever keeps something by slot must do the same."""
        self.slots = self.slots.only(slots.tolist())


def _units(part: Partial) -> Ints:
    """Return good and bad of each row as they are compared; the versions of a slice share its chains.

    A copy of a request would be of its chain, and nobody's request is left out for it: copies have chains of their own.
    """
    slices: dict[tuple[str, bool, tuple[str, ...]], int] = {}
    keys = [(name.model, is_mirrored(name.version), name.values) for name in part.series]
    group = np.array([slices.setdefault(key, len(slices)) for key in keys], np.int64)
    return units(part.slis, part.chains, group[part.which])
