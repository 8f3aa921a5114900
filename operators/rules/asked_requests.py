"""The requests of some panes by version and finest slice, counted by slot until they are asked for."""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints, with_rows
from operators.rules.cohorts import Values
from operators.rules.pane_counts import PaneCounts
from operators.window.series_index import SliceSeries

Requests = Mapping[tuple[str, str], Mapping[Values, int]]  # By model and version, and finest slice.


class PaneRequests(NamedTuple):
    """The counts of a pane; `names` are those of its slots, and `dimensions` those of the finest slices."""

    counts: PaneCounts
    names: Sequence[SliceSeries]
    dimensions: Set[str]


class AskedRequests:
    """Adds up the requests of panes."""

    def __init__(self) -> None:
        self._names: Sequence[SliceSeries] = ()
        self._dimensions: Set[str] = frozenset()
        self._events: Ints = np.zeros(0, np.int64)
        self._slots: list[int] = []  # In order of arrival.
        self._found: dict[tuple[str, str], dict[Values, int]] = {}

    def add(self, pane: PaneRequests) -> None:
        """Add the requests of a pane."""
        if pane.names is not self._names or pane.dimensions != self._dimensions:
            self._name()
            self._names, self._dimensions = pane.names, pane.dimensions
        if len(self._events) < len(pane.names):
            self._events = with_rows(self._events, len(pane.names))
        slots, events = pane.counts.slots, pane.counts.events
        self._slots += slots[(events > 0) & (self._events[slots] == 0)].tolist()
        self._events[slots] += events

    def by_version(self) -> Requests:
        """Return all requests that were added."""
        self._name()
        return self._found

    def _name(self) -> None:
        for slot, n in zip(self._slots, self._events[self._slots].tolist(), strict=True):
            name = self._names[slot]
            if name.dims.keys() == self._dimensions and name.version != "*":
                counted, values = self._found.setdefault((name.model, name.version), {}), tuple(name.dims.values())
                counted[values] = counted.get(values, 0) + n
        self._events, self._slots = np.zeros(0, np.int64), []
