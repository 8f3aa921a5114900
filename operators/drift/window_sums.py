"""Watched fields of all monitored series over one running window: sums by slot, rolled up from the finest series.

Windows tumble, so nothing is ever subtracted: a window is one set of sums, which is judged and begun anew. Memory: 8
bytes a slot and bin, 56 a slot and field; 50 slices of 200 features in 12 bins are 1.5 MB a window length.
"""

from typing import Any

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.results import Offenders
from operators.drift.user_buckets import Packed, UserBuckets
from operators.policy.monitors import Offender
from operators.policy.policy import Policy
from operators.stats.design_effect import BUCKETS
from operators.window.partial import MAX, NEG_MIN, Z_UNIT, Partial, feature_rows, user_rows
from operators.window.series_index import NOWHERE, SeriesIndex
from operators.window.sums import LIMB_BITS, sum_by_key
from operators.window.watermark import END, NEVER

OFFENDERS_MAX = 5  # For each window, slot, field and reason.


class Rolled(msgspec.Struct, frozen=True, kw_only=True):
    """A closed pane added up to slots: `slots` (U,) are those with anything in the pane, rising.

    `slis` (U, S, 3), `sums` (U, M, 3), `moments` (U, F, 5), `ranges` (U, F, 2); `cells` (C, 3) are slot, bin and n,
    `users` (V, 3) slot, bucket of users and n.
    """

    slots: Ints
    slis: Ints
    sums: Ints
    moments: Ints
    ranges: Floats
    cells: Ints
    users: Ints
    offenders: tuple[tuple[int, Offender], ...]


def roll_up_fields(part: Partial, slots: SeriesIndex) -> Rolled:
    """Add the finest series of a pane up to every monitored slice; new series get slots."""
    parents, sums = slots.rollup_of(part.series, part.which)
    offenders = [(slot, each) for row, each in part.offenders for slot in parents[row].tolist() if slot != NOWHERE]
    return Rolled(
        slots=sums.slots,
        slis=sums.added(part.slis),
        sums=sums.added(part.sums),
        moments=sums.added(part.moments),
        ranges=sums.highest(part.ranges),
        cells=_cells(parents, max(part.bins, 1), *feature_rows(part)),
        users=_cells(parents, BUCKETS, *user_rows(part)),
        # By event time, as within a pane, because rows are in the order in which series came in.
        offenders=tuple(sorted(offenders, key=_when)),
    )


def _cells(parents: Ints, width: int, rows: Ints, places: Ints, n: Ints) -> Ints:
    """Return slot, place and n of sparse counts, each added to every parent of its row."""
    if not len(rows):
        return np.zeros((0, 3), np.int64)
    keys = (parents[rows] * width + places[:, None]).reshape(-1)
    n = n.repeat(parents.shape[1])
    known = keys >= 0  # Else it is NOWHERE.
    if not known.all():
        keys, n = keys[known], n[known]
    keys, totals = sum_by_key(keys, n)
    cells = np.empty((len(keys), 3), np.int64)
    cells[:, 0], cells[:, 1], cells[:, 2] = keys // width, keys % width, totals
    return cells


def _when(of_slot: tuple[int, Offender]) -> tuple[int, str, str, int]:
    slot, offender = of_slot
    return offender.time, offender.request_id, offender.value, slot


class Sums:
    """By slot: `counts` (slots, W), `moments` (slots, F, 5), `ranges` (slots, F, 2); mutable, `clear` begins anew.

    `users` are the buckets of the events' users; `began` (slots,) is the start of the first pane in which anything of
    the slot was read [Unix ms].
    """

    def __init__(self, policy: Policy) -> None:
        fields = len(policy.watched)
        self.counts: Ints = np.zeros((0, policy.bins), np.int64)
        self.moments: Ints = np.zeros((0, fields, 5), np.int64)
        self.ranges: Floats = np.zeros((0, fields, 2))
        self.users = UserBuckets()
        self.began: Ints = np.zeros(0, np.int64)
        self.offenders: dict[int, Offenders] = {}
        self.empty = True

    def add(self, rolled: Rolled, slots: int, begins: int) -> None:
        """Add a pane that begins at `begins` [Unix ms]; panes come in order."""
        self._grow(slots)
        self.empty = False
        slot, bin_, n = rolled.cells.T
        # Feedback, and requests that monitors do not read, begin nothing, as nothing of them is kept here.
        for read in (slot, rolled.slots[np.asarray(rolled.moments.any(axis=(1, 2)))]):
            if len(read):
                self.began[read] = np.minimum(self.began[read], begins)
        self.counts[slot, bin_] += n
        self.users.add(rolled.users)
        self.moments[rolled.slots] += rolled.moments
        self.ranges[rolled.slots] = np.maximum(self.ranges[rolled.slots], rolled.ranges)
        for at, offender in rolled.offenders:
            known = self.offenders.setdefault(at, {}).setdefault((offender.watched, offender.why), [])
            if len(known) < OFFENDERS_MAX:
                known.append(offender)

    def clear(self) -> None:
        self.counts[:], self.moments[:], self.ranges[:] = 0, 0, -np.inf
        self.users.clear()
        self.began[:] = END
        self.offenders.clear()
        self.empty = True

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ...; those past the end have nothing yet."""
        self._grow(int(slots.max(initial=-1)) + 1)
        self.counts, self.moments, self.ranges = self.counts[slots], self.moments[slots], self.ranges[slots]
        self.users.only(slots)
        self.began = self.began[slots]
        new = {slot: at for at, slot in enumerate(slots.tolist())}
        self.offenders = {new[slot]: known for slot, known in self.offenders.items() if slot in new}

    def used(self) -> Ints:
        """Return the slots with anything in them."""
        return np.flatnonzero(self.counts.any(axis=1) | self.moments.any(axis=(1, 2)))

    def numbers(self, slots: Ints, field: int) -> tuple[Ints, Floats, Floats]:
        """Return n, sum of z and sum of z squared of a field, each (K,)."""
        n, high, low, high2, low2 = self.moments[slots, field].T
        return n, joined_sums(high, low), joined_sums(high2, low2)

    def extremes(self, slots: Ints, field: int) -> tuple[Floats, Floats]:
        """Return the smallest and the largest value of a field, each (K,); infinite without any."""
        ranges = self.ranges[slots, field]
        return -ranges[:, NEG_MIN], ranges[:, MAX]

    def _grow(self, slots: int) -> None:
        more = slots - len(self.counts)
        if more > 0:
            more = max(more, len(self.counts))
            self.counts = np.pad(self.counts, ((0, more), (0, 0)))
            self.moments = np.pad(self.moments, ((0, more), (0, 0), (0, 0)))
            self.ranges = np.pad(self.ranges, ((0, more), (0, 0), (0, 0)), constant_values=-np.inf)
            self.began = np.pad(self.began, (0, more), constant_values=END)

    def __getstate__(self) -> dict[str, Any]:
        """Return only the slots with something in them, in as few bytes as the largest count needs."""
        rows = self.used()
        counts = self.counts[rows]
        return {
            "slots": len(self.counts),
            "rows": rows,
            "counts": counts.astype(np.min_scalar_type(int(counts.max(initial=0)))),
            "moments": self.moments[rows],
            "ranges": self.ranges[rows],
            "offenders": self.offenders,
            "empty": self.empty,
            "users": tuple(self.users.packed()),
            "began": self.began[rows],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        slots, rows = state["slots"], state["rows"]
        self.counts = np.zeros((slots, state["counts"].shape[1]), np.int64)
        self.moments = np.zeros((slots, *state["moments"].shape[1:]), np.int64)
        self.ranges = np.full((slots, *state["ranges"].shape[1:]), -np.inf)
        self.counts[rows], self.moments[rows], self.ranges[rows] = state["counts"], state["moments"], state["ranges"]
        self.offenders, self.empty = state["offenders"], state["empty"]
        self.began = np.full(slots, END)
        # Older states do not have `began`: then the slot counts as begun with the window.
        self.began[rows] = NEVER if state["began"] is None else state["began"]
        self.users = UserBuckets() if state["users"] is None else UserBuckets(Packed(*state["users"]))


def joined_sums(high: Ints, low: Ints) -> Floats:
    """Return sums kept as two integers, in their own unit."""
    return np.asarray((high * 2.0**LIMB_BITS + low) * Z_UNIT)
