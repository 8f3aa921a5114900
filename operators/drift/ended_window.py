"""A window that has ended, and all that monitors compare it with."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.last_week import Key, LastWeek
from operators.drift.lasting_state import Lasting
from operators.drift.member import grains_of, watches
from operators.drift.results import FieldCounts, Offenders
from operators.drift.window_sums import Sums
from operators.policy.monitors import Monitor, Watched
from operators.policy.policy import Policy
from operators.stats.design_effect import design_effect
from operators.stats.magnitude import of_standardised
from operators.window.label_cells import LabelCells
from operators.window.series_index import SliceSeries

Arms = dict[tuple[str, str], str]  # (model, candidate) -> its baseline, for the releases under way.


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A window that has ended at `end` [Unix ms], with all that it may be compared with."""

    policy: Policy
    window_ms: int
    end: int
    sums: Sums
    names: Sequence[SliceSeries]
    used: Ints
    past: LastWeek
    arms: Arms
    offenders: Mapping[Key, Offenders]
    lasting: dict[tuple[str, str], Lasting]  # By monitor and field; state that changes.
    labels: dict[str, LabelCells]  # By monitor; the same.

    @property
    def start(self) -> int:
        return self.end - self.window_ms

    def members(self, monitor: Monitor) -> Ints:
        """Return the slots with events that a monitor watches, in the order of their names.

        Slot numbers follow the order in which series came in, which depends on how the logs are divided.
        """
        grains = grains_of(monitor, self.policy)
        kept = [slot for slot in self.used.tolist() if watches(monitor, grains, self.names[slot])]
        return np.array(sorted(kept, key=lambda slot: self.names[slot][:3]), np.int64)

    def without_own(self, watched: Watched, slots: Ints) -> Ints:
        """Return the slots in which a field may drift: in a slice by the field's own dimension its value is fixed."""
        kept = [slot for slot in slots.tolist() if watched.name.removeprefix("features.") not in self.names[slot].dims]
        return slots if len(kept) == len(slots) else np.array(kept, np.int64)

    def baselines(self, slots: Ints) -> tuple[Ints, Ints]:
        """Return the slots that belong to a candidate, and the slot of each one's baseline, -1 without one."""
        slot_of = {self.names[slot][:3]: slot for slot in self.used.tolist()}
        pairs = [
            (slot, slot_of.get((name.model, self.arms[name.model, name.version], name.text), -1))
            for slot in slots.tolist()
            if ((name := self.names[slot]).model, name.version) in self.arms
        ]
        candidates, baselines = np.array(pairs, np.int64).reshape(-1, 2).T
        return candidates, baselines

    def pairs(self, watched: Watched, slots: Ints) -> Floats:
        """Return how many pairs of a field's events share a user, by slot: 0 for feedback, which names no user."""
        return np.zeros(len(slots)) if watched.on_feedback else self.sums.users.pairs(slots)

    def designs(self, watched: Watched, slots: Ints, n: Ints) -> Floats:
        """Return how many of a field's `n` events are worth one independent event, by slot."""
        return design_effect(self.pairs(watched, slots), n)

    def counts_of(self, index: int, watched: Watched, slots: Ints) -> FieldCounts:
        """Return the bins and numbers of a field, for those of the slots that have any."""
        counts = self.sums.counts[slots, watched.offset : watched.offset + watched.bins]
        some = counts.any(axis=1)
        slots, counts = slots[some], counts[some]
        n, total, squares = self.sums.numbers(slots, index)
        low, high = self.sums.extremes(slots, index)
        none = n == 0
        mean = total / np.maximum(n, 1)
        # Rounded sums of equal values would leave a deviation where there is none.
        variance = np.where(low == high, 0.0, np.maximum(squares - n * mean**2, 0.0)) / np.maximum(n - 1, 1)
        values = of_standardised(mean, watched.centre, watched.scale)
        deviations = of_standardised(np.sqrt(variance), 0.0, watched.scale)
        return FieldCounts(
            watched=watched,
            start=self.start,
            end=self.end,
            names=[self.names[slot] for slot in slots.tolist()],
            counts=counts,
            n=n,
            mean=np.where(none, np.nan, values),
            sd=np.where(none, np.nan, deviations),
            low=np.where(none, np.nan, low),
            high=np.where(none, np.nan, high),
            designs=self.designs(watched, slots, counts.sum(axis=1)),
        )
