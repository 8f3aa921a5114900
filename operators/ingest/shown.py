"""Which requests of a chunk people may be shown: the first that an SLI calls bad, and what its version is made of.

Bad items alone are sorted, and of the others one look at their prompt and endpoint is all it costs.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, packed_columns, runs_of
from operators.ingest.again import Items
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
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

    `lineage` (n,) says which name a prompt version or endpoint.
    """

    items: Items
    columns: Columns
    parts: Sequence[Ints]
    lineage: Flags


def shown(chunk: Showable, placed: EventTimes, policy: Policy) -> Iterator[Found]:
    """Yield samples of a chunk, of each pane and version no fewer than are kept."""
    on_time = placed.late == 0
    groups = (placed.pane, chunk.parts[0], chunk.parts[1])
    for index, sli in enumerate(policy.slis):
        if sli.on_feedback == (chunk.columns.stream == "feedback"):
            rows = np.flatnonzero((classify(sli, chunk.columns) == BAD) & on_time)
            for row in _first(rows, groups, placed.time, FAILING_MAX).tolist():
                item = chunk.items[row]
                values = tuple((item.slices or {}).get(name, "") for name in policy.dimensions)
                yield row, Sample(index, int(placed.time[row]), item.request_id, values)
    for row in _earliest(np.flatnonzero(chunk.lineage & on_time), groups, placed.time).tolist():
        event = chunk.items[row]
        lineage = tuple(getattr(event, name) or "" for name in LINEAGES)
        yield row, Sample(LINEAGE, int(placed.time[row]), event.request_id, (), lineage)


def _earliest(rows: Ints, groups: Sequence[Ints], times: Ints) -> Ints:
    """Return those of the rows that have the first time of their groups: of nearly all rows the time alone is read."""
    packed = packed_columns([column[rows] for column in groups])
    if len(packed) > 1 or (packed and packed[0][1] > GROUPS_MAX):
        return _first(rows, groups, times, 1)
    whose = packed[0][0] if packed else np.zeros(len(rows), np.int64)
    first = np.full(GROUPS_MAX + 1, END)
    np.minimum.at(first, whose, times[rows])
    earliest: Ints = rows[times[rows] == first[whose]]
    return earliest


def _first(rows: Ints, groups: Sequence[Ints], times: Ints, most: int) -> Ints:
    """Return those of the rows that are among the first of their groups: those of so many first times."""
    if not len(rows):
        return rows
    order = order_by(*(column[rows] for column in groups), times[rows])
    rows = rows[order]
    ordered = [column[rows] for column in groups]
    starts = np.flatnonzero(runs_of(*ordered))
    time = np.cumsum(runs_of(*ordered, times[rows]))
    kept: Ints = rows[time - np.repeat(time[starts], np.diff(starts, append=len(rows))) < most]
    return np.sort(kept)  # Items of one message are soonest decoded again one after the other.
