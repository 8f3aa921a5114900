"""The reported series of a shard: every finest series rolls up to `*`, single dimensions and crosses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from operators.window.partial import Ints, Series

ESCAPES = str.maketrans({"\\": "\\\\", ",": "\\,", "=": "\\="})


class Reported(NamedTuple):
    """A (model, version, slice); `dims` are the slice's (dimension, value) pairs in policy order, () for `*`."""

    model: str
    version: str
    dims: tuple[tuple[str, str], ...]


def slice_text(dims: Sequence[tuple[str, str]]) -> str:
    r"""Return the canonical text of a slice.

    >>> slice_text([])
    '*'
    >>> slice_text([("region", "eu"), ("segment", "a,b")])
    'region=eu,segment=a\\,b'
    """
    return ",".join(f"{name}={value.translate(ESCAPES)}" for name, value in dims) or "*"


class Slots:
    """Small whole numbers for the reported series, so that windows are arrays indexed by slot."""

    def __init__(self, dimensions: tuple[str, ...], grains: tuple[tuple[int, ...], ...]) -> None:
        self.dimensions = dimensions
        self.grains = grains
        self.names: list[Reported] = []
        self._slot_of: dict[Reported, int] = {}
        self._parents_of: dict[Series, list[int]] = {}

    def parents(self, series: Sequence[Series]) -> Ints:
        """Return the slots that each finest series counts into, shape (series, grains)."""
        known = self._parents_of
        rows = [known.get(name) or self._add(name) for name in series]
        return np.array(rows, np.int64).reshape(len(series), len(self.grains))

    def only(self, slots: Sequence[int]) -> "Slots":
        """Return new slots 0, 1, ... for the series that have these slots now."""
        new = Slots(self.dimensions, self.grains)
        new.names = [self.names[slot] for slot in slots]
        new._slot_of = {name: slot for slot, name in enumerate(new.names)}
        return new

    def _add(self, series: Series) -> list[int]:
        slots = []
        for grain in self.grains:
            dims = tuple((self.dimensions[index], series.values[index]) for index in grain)
            name = Reported(series.model, series.version, dims)
            slot = self._slot_of.setdefault(name, len(self.names))
            if slot == len(self.names):
                self.names.append(name)
            slots.append(slot)
        self._parents_of[series] = slots
        return slots
