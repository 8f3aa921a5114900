"""Which requests of a chunk people may be shown: the first that an SLI calls bad, and what its version is made of.

Bad items alone are sorted, and of the others one look at their prompt and endpoint is all it costs.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, packed_columns, runs_of
from operators.fast import loading
from operators.ingest.again import Items
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.shown_before import ShownBefore
from operators.ingest.sli import classify
from operators.policy.policy import Policy
from operators.window.partial import BAD
from operators.window.samples import FAILING_MAX, LINEAGE, LINEAGES, Sample
from operators.window.watermark import END

GROUPS_MAX = 1 << 12  # Panes, models and versions together that are looked at all at once.
Flags = NDArray[np.bool_]
Found = tuple[int, Sample]  # With its place in the chunk.


class Showable(msgspec.Struct, frozen=True, kw_only=True):
    """The n kept items of a chunk, of which few are looked at: their `columns`, and numbers of model and version.

    `lineage` (n,) says which name a prompt version or endpoint; `before` what was shown of earlier chunks, by the
    `names` of models and versions.
    """

    items: Items
    columns: Columns
    parts: Sequence[Ints]
    lineage: Flags
    names: Sequence[list[str]] = ()
    before: ShownBefore | None = None


def shown(chunk: Showable, placed: EventTimes, policy: Policy) -> Iterator[Found]:
    """Yield samples of a chunk, of each pane and version no fewer than are kept."""
    on_time = placed.late == 0
    groups = _Groups((placed.pane, chunk.parts[0], chunk.parts[1]), placed.time)
    for index, sli in enumerate(policy.slis):
        if sli.on_feedback == (chunk.columns.stream == "feedback"):
            bad = (classify(sli, chunk.columns) == BAD) & on_time
            for row in groups.first(bad, FAILING_MAX).tolist():
                item = chunk.items[row]
                values = tuple((item.slices or {}).get(name, "") for name in policy.dimensions)
                yield row, Sample(index, int(placed.time[row]), item.request_id, values)
    for row in _firsts(chunk, groups.first(chunk.lineage & on_time, 1), placed):
        event = chunk.items[row]
        lineage = tuple(getattr(event, name) or "" for name in LINEAGES)
        yield row, Sample(LINEAGE, int(placed.time[row]), event.request_id, (), lineage)


def _firsts(chunk: Showable, rows: Ints, placed: EventTimes) -> list[int]:
    """Return those of the rows that no earlier chunk has an earlier one for."""
    if chunk.before is None:
        return [int(row) for row in rows]
    names = list(zip(chunk.parts[:2], chunk.names, strict=True))
    return chunk.before.first(rows, placed.pane, placed.time, names)


class _Groups:
    """Items told apart by `columns`, each with a time."""

    def __init__(self, columns: Sequence[Ints], times: Ints) -> None:
        self._columns, self._times = columns, times
        packed = packed_columns(columns)
        self._groups, highest = packed[0] if packed else (np.zeros(len(times), np.int64), 0)
        self._few, self._count = len(packed) < 2 and highest < GROUPS_MAX, highest + 1

    def first(self, marked: Flags, most: int) -> Ints:
        """Return the marked items that are among the first of their groups: those of so many first times."""
        kernels = loading.kernels()
        if self._few and kernels is not None:
            rows: Ints = kernels.first_in_groups(marked, self._groups, self._count, self._times, most)
            return rows
        rows = np.flatnonzero(marked)
        return self._earliest(rows) if self._few and most == 1 else self._first(rows, most)

    def _earliest(self, rows: Ints) -> Ints:
        """Return those of the rows that have the first time of their groups: of nearly all rows this alone is read."""
        whose = self._groups[rows]
        first = np.full(self._count, END)
        np.minimum.at(first, whose, self._times[rows])
        earliest: Ints = rows[self._times[rows] == first[whose]]
        return earliest

    def _first(self, rows: Ints, most: int) -> Ints:
        if not len(rows):
            return rows
        order = order_by(*(column[rows] for column in self._columns), self._times[rows])
        rows = rows[order]
        ordered = [column[rows] for column in self._columns]
        starts = np.flatnonzero(runs_of(*ordered))
        time = np.cumsum(runs_of(*ordered, self._times[rows]))
        kept: Ints = rows[time - np.repeat(time[starts], np.diff(starts, append=len(rows))) < most]
        return np.sort(kept)  # Items of one message are soonest decoded again one after the other.
