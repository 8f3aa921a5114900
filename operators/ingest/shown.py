"""Which requests of a chunk people may be shown: the first that an SLI calls bad, and what its version is made of.

Bad items alone are sorted, and of the others one look at their prompt and endpoint is all it costs.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, packed_columns, runs_of
from operators.fast import loading
from operators.ingest.again import Items, ShownFields, shown_of
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.shown_before import ShownBefore
from operators.ingest.sli import classify
from operators.policy.policy import Policy
from operators.window.partial import BAD
from operators.window.samples import FAILING_MAX, LINEAGE, Sample
from operators.window.watermark import END
from operators.wire.events import Event

GROUPS_MAX = 1 << 12  # Panes, models and versions together that are looked at all at once.
Flags = NDArray[np.bool_]
Found = tuple[int, Sample]  # With its place in the chunk.


class Showable(msgspec.Struct, frozen=True, kw_only=True):
    """The n kept items of a chunk, of which few are looked at: their `columns`, and the numbers of their `parts`.

    `lineage` (n,) says which name a prompt version or endpoint; `before` what was shown of earlier chunks, by what the
    numbers of each part stand for (`names`): model, version, and the value of each slice dimension.
    """

    items: Items
    columns: Columns
    parts: Sequence[Ints]
    lineage: Flags
    names: Sequence[list[str]]
    before: ShownBefore


def shown(chunk: Showable, placed: EventTimes, policy: Policy) -> list[Found]:
    """Return samples of a chunk, of each pane and version no fewer than are kept."""
    chosen = _chosen(chunk, placed, policy)
    if not chosen:
        return []
    items = shown_of(chunk.items, np.concatenate([*chosen.values()]))
    found: list[Found] = []
    for sli, rows in chosen.items():
        places = rows.tolist()
        whose = zip(places, placed.time[rows].tolist(), [items[row] for row in places], strict=True)
        if sli == LINEAGE:
            found += [(row, Sample(LINEAGE, time, item.request_id, (), _lineage_of(item))) for row, time, item in whose]
        else:
            each = zip(whose, _values(chunk, rows), strict=True)
            found += [(row, Sample(sli, time, item.request_id, values)) for (row, time, item), values in each]
    return found


def _lineage_of(item: Event | ShownFields) -> tuple[str, ...]:
    """Return what LINEAGES names of an item, "" where it says nothing."""
    return item.prompt_version or "", item.endpoint or "", item.team or ""


def _chosen(chunk: Showable, placed: EventTimes, policy: Policy) -> dict[int, Ints]:
    """Return by SLI, or LINEAGE, which items are shown: those that are neither late nor behind what was shown."""
    on_time = placed.late == 0
    groups = _Groups((placed.pane, chunk.parts[0], chunk.parts[1]), placed.time)
    first = {
        index: groups.first((classify(sli, chunk.columns) == BAD) & on_time, FAILING_MAX)
        for index, sli in enumerate(policy.slis)
        if sli.on_feedback == (chunk.columns.stream == "feedback")
    }
    first[LINEAGE] = groups.first(chunk.lineage & on_time, 1)
    named = list(zip(chunk.parts[:2], chunk.names[:2], strict=True))
    return {
        sli: chunk.before.first(sli, rows, placed.pane, placed.time, named) for sli, rows in first.items() if len(rows)
    }


def _values(chunk: Showable, rows: Ints) -> Iterator[tuple[str, ...]]:
    """Yield the slice of each of the items at `rows`."""
    of_dimensions = zip(chunk.parts[2:], chunk.names[2:], strict=True)
    values = [[names[number] for number in part[rows].tolist()] for part, names in of_dimensions]
    return zip(*values, strict=True) if values else iter([()] * len(rows))


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
        return np.sort(kept)
