"""The reported series of a shard: every finest series rolls up to `*`, single dimensions and crosses."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from operators.window.partial import Ints, Series, order_by, runs_of

ESCAPES = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


class Reported(NamedTuple):
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
    return ",".join(f"{name}={value.translate(ESCAPES)}" for name, value in dims) or "*"


@lru_cache(maxsize=1 << 16)
def described(dimensions: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, Mapping[str, str]]:
    """Return the text of a slice, and its dimension -> value."""
    dims = dict(zip(dimensions, values, strict=True))
    return slice_text(tuple(dims.items())), dims


def series_columns(names: Sequence[Reported]) -> dict[str, list[Any]]:
    """Return the series columns of a table (`operators/tables.py: SERIES`), a row per name."""
    return {
        "model": [name.model for name in names],
        "version": [name.version for name in names],
        "slice": [name.text for name in names],
        "dims": [name.dims for name in names],
    }


class Rollup(NamedTuple):
    """How rows add up to slots: `slots` (W,), each once and rising; those of one begin at `starts` (W,) of `source`.

    `source` are row numbers, each as often as the row has slots: `np.add.reduceat(x[source], starts, axis=0)`.
    """

    slots: Ints
    starts: Ints
    source: Ints


def rollup(parents: Ints) -> Rollup:
    """Return how rows add up to the slots that each counts into, `parents` (rows, grains)."""
    flat = parents.ravel()
    order = order_by(flat)
    ordered = flat[order]
    starts = np.flatnonzero(runs_of(ordered))
    return Rollup(slots=ordered[starts], starts=starts, source=order // parents.shape[1])


class Slots:
    """Small whole numbers for the reported series, so that windows are arrays indexed by slot."""

    def __init__(self, dimensions: tuple[str, ...], grains: tuple[tuple[int, ...], ...]) -> None:
        self.dimensions = dimensions
        self.grains = grains
        self.names: list[Reported] = []
        self._slot_of: dict[tuple[str, str, str], int] = {}
        # By the grains asked for: no name, whatever it is, may find slots of other grains.
        self._parents_of: dict[tuple[tuple[int, ...], ...], dict[Series, list[int]]] = {}

    def parents(self, series: Sequence[Series], grains: tuple[tuple[int, ...], ...] | None = None) -> Ints:
        """Return the slots that each finest series counts into, shape (series, grains)."""
        grains = self.grains if grains is None else grains
        known = self._parents_of.setdefault(grains, {})
        rows = [known[name] if name in known else self._add(name, grains) for name in series]
        return np.array(rows, np.int64).reshape(len(series), len(grains))

    def only(self, slots: Sequence[int]) -> "Slots":
        """Return new slots 0, 1, ... for the series that have these slots now."""
        new = Slots(self.dimensions, self.grains)
        new.names = [self.names[slot] for slot in slots]
        new._slot_of = {name[:3]: slot for slot, name in enumerate(new.names)}
        return new

    def __getstate__(self) -> dict[str, Any]:
        """All but what follows from the names."""
        return {"dimensions": self.dimensions, "grains": self.grains, "names": self.names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.dimensions, self.grains, self.names = state["dimensions"], state["grains"], state["names"]
        self._slot_of = {name[:3]: slot for slot, name in enumerate(self.names)}
        self._parents_of = {}

    def _add(self, series: Series, grains: tuple[tuple[int, ...], ...]) -> list[int]:
        slots = []
        for grain in grains:
            dimensions = tuple(self.dimensions[index] for index in grain)
            text, dims = described(dimensions, tuple(series.values[index] for index in grain))
            slot = self._slot_of.setdefault((series.model, series.version, text), len(self.names))
            if slot == len(self.names):
                self.names.append(Reported(series.model, series.version, text, dims))
            slots.append(slot)
        self._parents_of[grains][series] = slots
        return slots
