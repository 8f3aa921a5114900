"""The reported series of a shard: every finest series rolls up to `*`, single dimensions and crosses."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from operators.arrays import Floats, Ints, order_by, runs_of, with_rows
from operators.fast import loading
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries
from operators.window.partial import UNSLICED
from operators.wire.mirrored import is_mirrored, mirrored

ALL_VERSIONS = "*"  # Stands for all versions of a model together.
ALONE_MAX = 256  # `rollup_of` a single series is kept for this many: some 600 bytes each.
NOWHERE = -1  # The slot of a series that has no slice by some dimensions.
ESCAPES = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


class SliceSeries(NamedTuple):
    """A (model, version, slice), the slice as text and as dimension -> value; `*` and {} for all traffic."""

    model: str
    version: str
    text: str
    dims: Mapping[str, str]


def slice_text(dims: Sequence[tuple[str, str]]) -> str:
    r"""Return the canonical text of a slice.

    >>> slice_text([])
    '*'
    >>> slice_text([("region", "eu"), ("segment", "a,b")])
    'region=eu,segment=a\\,b'
    """
    # Few values need escaping, and `isalnum` tells most that do not.
    return ",".join([f"{name}={value if value.isalnum() else value.translate(ESCAPES)}" for name, value in dims]) or "*"


@lru_cache(maxsize=1 << 16)
def described(dimensions: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, Mapping[str, str]]:
    """Return the text of a slice, and its dimension -> value; without UNSLICED ones."""
    dims = dict(zip(dimensions, values, strict=True))
    if UNSLICED in values:
        dims = {name: value for name, value in dims.items() if value != UNSLICED}
    return slice_text(tuple(dims.items())), dims


def series_columns(names: Sequence[SliceSeries]) -> dict[str, list[Any]]:
    """Return the series columns of a table (`operators/store/columns.py: SERIES`), a row per name."""
    names = list(names)  # So that each picked name is looked up once.
    return {
        "model": [name.model for name in names],
        "version": [name.version for name in names],
        "slice": [name.text for name in names],
        "dims": [name.dims for name in names],
    }


class Rollup(NamedTuple):
    """How rows add up to slots: `slots` (W,) distinct and rising; the rows of each begin at `starts` (W,) of `source`.

    `source` are row numbers, each repeated for every slot of the row: `np.add.reduceat(x[source], starts, axis=0)`.
    """

    slots: Ints
    starts: Ints
    source: Ints

    @property
    def each_alone(self) -> bool:
        """Whether no two rows share a slot, so that nothing has to be added up."""
        return len(self.starts) == len(self.source)

    def added(self, values: Ints) -> Ints:
        """Return the sums of whole numbers (rows, ...), slot by slot."""
        if self.each_alone:
            return values[self.source]
        if (kernels := loading.kernels()) is not None:
            of_kernels: Ints = kernels.summed_groups(self.source, self.starts, values)
            return of_kernels
        return np.add.reduceat(values[self.source], self.starts, axis=0)

    def highest(self, values: Floats) -> Floats:
        """Return the maxima of `values` (rows, ...), slot by slot."""
        own = values[self.source]
        return own if len(own) == len(self.starts) else np.maximum.reduceat(own, self.starts, axis=0)


def rollup(parents: Ints) -> Rollup:
    """Return how rows add up to the slots that each counts into, `parents` (rows, grains), leaving out NOWHERE."""
    if len(parents) == 1 and (alone := _of_one_row(parents[0].tolist())) is not None:
        return alone
    if (kernels := loading.kernels()) is not None:
        return Rollup(*kernels.grouped_rows(parents))
    flat = parents.ravel()
    order = order_by(flat)
    ordered = flat[order]
    if len(ordered) and ordered[0] == NOWHERE:
        order, ordered = (each[np.searchsorted(ordered, 0) :] for each in (order, ordered))
    starts = np.flatnonzero(runs_of(ordered))
    return Rollup(slots=ordered[starts], starts=starts, source=order // parents.shape[1])


def _of_one_row(parents: list[int]) -> Rollup | None:
    """Return how a single row adds up to its slots; None where it counts twice into the same slot."""
    slots = sorted(slot for slot in parents if slot != NOWHERE)
    if len(set(slots)) < len(slots):
        return None
    return Rollup(slots=np.array(slots, np.int64), starts=np.arange(len(slots)), source=np.zeros(len(slots), np.int64))


def _all_of(version: str) -> str:
    """Return the name that counts all versions together; copies of requests have one of their own."""
    return mirrored(ALL_VERSIONS) if is_mirrored(version) else ALL_VERSIONS


class SeriesIndex:
    """Small whole numbers for the reported series, so that windows are arrays indexed by slot.

    Each finest series counts into its slices, `grains`, and into those of all versions together, `together`.
    """

    _asked: tuple[NumberedSeries, Ints] | None = None  # The last series of `parents`, and its answer.

    def __init__(
        self,
        dimensions: tuple[str, ...],
        grains: tuple[tuple[int, ...], ...],
        together: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        self.dimensions, self.grains, self.together = dimensions, grains, together
        self.names: list[SliceSeries] = []
        self._grain_numbers: Ints = np.zeros(0, np.int64)
        self._begin()

    def parents(self, series: Sequence[LeafSeries]) -> Ints:
        """Return the slots that each finest series counts into, shape (series, grains and those of all versions).

        NOWHERE stands for slices by a dimension that did not exist when the series was counted.

        Series that are numbered already (`leaf_index.py`) are not looked up again.
        """
        numbered = series if isinstance(series, NumberedSeries) else self._leaves.numbered(series)
        if self._asked is not None and numbered is self._asked[0]:
            return self._asked[1]
        if numbered.leaves is not self._leaves:
            self._follow(numbered.leaves)
        self._reserve(len(self._leaves))
        known = self._known[numbered.rows]
        if not known.all():
            new = np.flatnonzero(~known)
            for row, at in zip(numbered.rows[new].tolist(), new.tolist(), strict=True):
                self._parents[row] = self._slots_of(numbered[at])
            self._known[numbered.rows] = True
        self._asked = numbered, self._parents[numbered.rows]
        return self._asked[1]

    def rollup_of(self, series: Sequence[LeafSeries], which: Ints) -> tuple[Ints, Rollup]:
        """Return the slots that rows count into, (rows, grains), and how they add up; `which` (rows,) indexes `series`.

        For a single row, as in most panes of a log with few events, it is made once and shared: do not write to it.
        """
        if len(which) != 1 or not isinstance(series, NumberedSeries):
            parents = self.parents(series)[which]
            return parents, rollup(parents)
        row = int(series.rows[which[0]])
        known = self._alone.get(row) if series.leaves is self._leaves else None
        if known is None:
            parents = self.parents(series)[which]
            known = parents, rollup(parents)
            if len(self._alone) == ALONE_MAX:
                self._alone.clear()
            self._alone[row] = known
        return known

    def whole(self, model: str, version: str) -> int | None:
        """Return the slot of all traffic of a version, or of all versions (`*`); None where that is not counted."""
        grains = self.together if version == ALL_VERSIONS else self.grains
        return self._new_slot(model, version, (), ()) if () in grains else None

    def grain_numbers(self) -> Ints:
        """Return the number of the grain of each slot's slice, (slots,); -1 for a slice of none of the grains."""
        if (known := len(self._grain_numbers)) < len(self.names):
            of = {tuple(self.dimensions[index] for index in grain): at for at, grain in enumerate(self.grains)}
            new = [of.get(tuple(name.dims), -1) for name in self.names[known:]]
            self._grain_numbers = np.concatenate((self._grain_numbers, np.array(new, np.int64)))
        return self._grain_numbers

    def only(self, slots: Sequence[int]) -> "SeriesIndex":
        """Return new slots 0, 1, ... for the series that have these slots now."""
        new = SeriesIndex(self.dimensions, self.grains, self.together)
        new.take([self.names[slot] for slot in slots])
        return new

    def go_on(self, new: "SeriesIndex") -> None:
        """Count into the slices of a new index from now on; known series keep their slots."""
        self.dimensions, self.grains, self.together = new.dimensions, new.grains, new.together
        self.take(self.names)

    def take(self, names: Sequence[SliceSeries]) -> None:
        """Give these series the slots 0, 1, ..., instead of all that are known."""
        self.names = list(names)
        self._begin()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle all but what can be derived from the names."""
        return {"dimensions": self.dimensions, "grains": self.grains, "names": self.names, "together": self.together}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.dimensions, self.grains, self.together = state["dimensions"], state["grains"], state["together"]
        self.names = state["names"]
        self._begin()

    def _begin(self) -> None:
        self._slot_of = {name[:3]: slot for slot, name in enumerate(self.names)}
        by: dict[tuple[int, ...], _OfGrain] = {}
        for grain in (*self.grains, *self.together):
            by.setdefault(grain, _OfGrain(tuple(self.dimensions[index] for index in grain), picking(grain), {}))
        self._of_grains = [by[grain] for grain in self.grains]
        self._of_together = [by[grain] for grain in self.together]
        self._grain_numbers = np.zeros(0, np.int64)
        self._follow(LeafIndex())

    def _follow(self, leaves: LeafIndex) -> None:
        """Change to another numbering of the finest series: the rows of `_parents`, where they are `_known`."""
        self._leaves = leaves
        self._asked = None
        self._alone: dict[int, tuple[Ints, Rollup]] = {}  # By number of a finest series, `rollup_of` that one alone.
        self._parents: Ints = np.zeros((64, len(self.grains) + len(self.together)), np.int64)
        self._known = np.zeros(64, bool)

    def _reserve(self, rows: int) -> None:
        if rows > len(self._known):
            room = max(rows, 2 * len(self._known))
            self._parents, self._known = with_rows(self._parents, room), with_rows(self._known, room)

    def _slots_of(self, series: LeafSeries) -> list[int]:
        model, version, values = series
        slots = self._slots(model, version, values, self._of_grains)
        if self._of_together:
            slots += self._slots(model, _all_of(version), values, self._of_together)
        return slots

    def _slots(self, model: str, version: str, values: tuple[str, ...], grains: Sequence["_OfGrain"]) -> list[int]:
        """Return the slots of a series' slices; a slice that another series has is found without its text."""
        slots = []
        for dimensions, own_of, known in grains:
            own = own_of(values)
            key = model, version, own
            slot = known.get(key)
            if slot is None:
                slot = known[key] = self._new_slot(model, version, dimensions, own)
            slots.append(slot)
        return slots

    def _new_slot(self, model: str, version: str, dimensions: tuple[str, ...], values: tuple[str, ...]) -> int:
        if UNSLICED in values:
            return NOWHERE
        text, dims = described(dimensions, values)
        slot = self._slot_of.setdefault((model, version, text), len(self.names))
        if slot == len(self.names):
            self.names.append(SliceSeries(model, version, text, dims))
        return slot


class _OfGrain(NamedTuple):
    """The names of a grain's dimensions, what picks their values out of all, and the slots of known series."""

    dimensions: tuple[str, ...]
    own_of: Callable[[tuple[str, ...]], tuple[str, ...]]
    known: dict[tuple[str, str, tuple[str, ...]], int]


def picking(grain: tuple[int, ...]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Return a function that picks the values at some places.

    >>> [picking(grain)(("eu", "new")) for grain in ((), (1,), (1, 0))]
    [(), ('new',), ('new', 'eu')]
    """
    if not grain:
        return lambda values: ()
    if len(grain) == 1:
        (index,) = grain
        return lambda values: (values[index],)
    return itemgetter(*grain)
