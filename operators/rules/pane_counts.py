"""What the rules of a shard see of a closed pane: counts of its series, added up to the slices that rules name."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.rules import Grain
from operators.stats.multiple_testing import Bools
from operators.window.chains import COMPARED, Chains, Classes, drawn, units
from operators.window.estimating import Places, counts_within
from operators.window.mixing import positive, salts_of
from operators.window.partial import Partial
from operators.window.series_index import NOWHERE, Rollup, SeriesIndex, SliceSeries
from operators.window.watermark import NEVER
from operators.wire.mirrored import is_mirrored


class ComparedChains(msgspec.Struct, frozen=True, kw_only=True):
    """The chains that count in a pane, D: the `slot` of the finest slice of each, and its `classes` (D, S).

    `chain` (D,) is the same in every pane, `key` another in each: keys below a share of 2 ** 63 are that share of all.
    `inside` (R, S) are the good and bad events of finest slices `slots` (R,) that belong to any chain.
    """

    slot: Ints
    chain: Ints
    key: Ints
    classes: Classes
    slots: Ints = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    inside: Ints = msgspec.field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def some(self, which: Bools) -> "ComparedChains":
        """Return some of the chains."""
        one = msgspec.structs.replace(self, slot=self.slot[which], chain=self.chain[which], key=self.key[which])
        return msgspec.structs.replace(one, classes=self.classes[which])


class ScoreCounts(msgspec.Struct, frozen=True, kw_only=True):
    """For each series in a pane: `answers` (W, CELLS) by score, and `labels` (W, 2 * CELLS), wrong then right ones."""

    answers: Ints
    labels: Ints


class PaneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One closed pane: `slots` (W,) are the series that something came in for, each once and rising.

    `events` (W,) counts requests, 0 where there was only feedback; `slis` (W, S, 3) good, bad, neither. A pane in which
    nothing came in has W = 0. `units` (W, S, 2) are good and bad as versions are compared by them: sessions, users and
    retried requests count as one event each (`window/chains.py`). `scores` are counted where a rule is on an estimated
    SLI.
    """

    pane: int
    slots: Ints
    events: Ints
    slis: Ints
    units: Ints
    chains: ComparedChains | None = None
    scores: ScoreCounts | None = None


class Roster:
    """Numbers the series that rules judge: (model, version, slice), and (model, `*`, slice) over all versions.

    Slices of versions are `grains`, those over all versions `together`: each slice costs. `by_slot` says whether a rule
    keeps state by slot, so that the numbers have to outlive a restart; `scored` is where scores and labels are counted,
    None where no rule needs them.
    """

    scored: Places | None = None

    def __init__(
        self, dimensions: tuple[str, ...], grains: Sequence[Grain], slis: int, together: Sequence[Grain]
    ) -> None:
        self.slots = SeriesIndex(dimensions, tuple(grains), tuple(together))
        self.slis = slis
        self.by_slot = True
        self.pane = NEVER
        self._seen: Ints = np.zeros(0, np.int64)

    @property
    def names(self) -> Sequence[SliceSeries]:
        """The series, by slot."""
        return self.slots.names

    def count(self, pane: int, part: Partial | None) -> PaneCounts:
        """Add up the finest series of a closed pane."""
        if part is None:
            none = np.zeros(0, np.int64)
            slis = np.zeros((0, self.slis, 3), np.int64)
            return PaneCounts(pane=pane, slots=none, events=none, slis=slis, units=slis[:, :, :2])
        parents, sums = self.slots.rollup_of(part.series, part.which)
        self._note(pane, sums.slots)
        # Every request has an outcome, feedback has none.
        requests = np.bincount(part.outcomes[:, 0], weights=part.outcomes[:, 2], minlength=part.rows).astype(np.int64)
        slis = sums.added(part.slis)
        return PaneCounts(
            pane=pane,
            slots=sums.slots,
            events=sums.added(requests),
            slis=slis,
            units=slis[:, :, :COMPARED] if part.chains is None else sums.added(_units(part, part.chains)),
            chains=self._chains(pane, part, parents),
            scores=self._scores(part, sums),
        )

    def _scores(self, part: Partial, sums: Rollup) -> ScoreCounts | None:
        if self.scored is None:
            return None
        answers, labels = (sums.added(counts_within(part, *places)) for places in self.scored)
        return ScoreCounts(answers=answers, labels=labels)

    def _chains(self, pane: int, part: Partial, parents: Ints) -> ComparedChains | None:
        """Return the chains that count, if finest slices are counted; `parents` (rows, grains) are slots."""
        finest = tuple(range(len(self.slots.dimensions)))
        if part.chains is None or finest not in self.slots.grains:
            return None
        if (parents[:, self.slots.grains.index(finest)] == NOWHERE).any():
            return None  # The pane is from before a dimension began, and canaries had not begun then either.
        chains, which = part.chains, drawn(part.chains, len(part.slis), _groups(part))
        key = chains.chain[which]
        return ComparedChains(
            slot=parents[chains.row[which], self.slots.grains.index(finest)],
            chain=key ^ positive(salts_of(np.array([pane]))),
            key=key,
            classes=chains.classes[which],
            slots=parents[:, self.slots.grains.index(finest)],
            inside=chains.inside.sum(axis=2),
        )

    def seen_since(self, pane: int) -> Ints:
        """Return the slots of the series that something came in for in that pane or later."""
        return np.flatnonzero(self._seen >= pane)

    def go_on(self, new: "Roster") -> None:
        """Count by the slices of a new roster from now on; known series keep their slots."""
        self.slots.go_on(new.slots)
        self.by_slot, self.slis, self.scored = new.by_slot, new.slis, new.scored

    def only(self, slots: Ints) -> None:
        """Keep these series, which get slots 0, 1, ...; everything that keeps state by slot must do the same."""
        self.slots = self.slots.only(slots.tolist())
        self._seen = self._seen[slots]

    def __getstate__(self) -> dict[str, Any]:
        """The names, but only where a rule keeps state by slot: thousands of names are a lot to save."""
        return {"slots": self.slots if self.by_slot else self.slots.only(()), "slis": self.slis}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.slots, self.slis = state["slots"], state["slis"]
        self.by_slot, self.pane = True, NEVER
        self._seen = np.full(len(self.names), NEVER)

    def add(self, model: str, version: str) -> int | None:
        """Return the slot of all traffic of a version, or of all (`*`), new or not; None where it is not counted."""
        slot = self.slots.whole(model, version)
        self._grow()
        return slot

    def _note(self, pane: int, slots: Ints) -> None:
        """Note which series had events in a pane."""
        self._grow()
        self._seen[slots] = self.pane = pane

    def _grow(self) -> None:
        if len(self._seen) < len(self.names):
            self._seen = np.concatenate((self._seen, np.full(len(self.names) - len(self._seen), NEVER)))


def _units(part: Partial, chains: Chains) -> Ints:
    """Return good and bad of each row, as versions are compared; the versions and slices of a model share its chains.

    Copies of requests have chains of their own, so that no request is left out because of its copy.
    """
    return units(part.slis, chains, _groups(part))


def _groups(part: Partial) -> Ints:
    """Return a number for each row, the same for all rows that share chains."""
    models: dict[tuple[str, bool], int] = {}
    keys = [(name.model, is_mirrored(name.version)) for name in part.series]
    group = np.array([models.setdefault(key, len(models)) for key in keys], np.int64)
    return group[part.which]
