"""Which requests of a chunk people may be shown: the first that an SLI calls bad, and what its version is made of.

Bad items alone are sorted, and of the others one look at their prompt and endpoint is all it costs.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, runs_of
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.sli import classify
from operators.policy.policy import Policy
from operators.window.partial import BAD
from operators.window.samples import FAILING_MAX, LINEAGE, LINEAGES, Sample
from operators.wire.events import Event, Feedback

Flags = NDArray[np.bool_]
Found = tuple[int, Sample]  # With its place in the chunk.


def shown(
    items: Sequence[Event] | Sequence[Feedback],
    chunk: Columns,
    placed: EventTimes,
    parts: Sequence[Ints],
    policy: Policy,
) -> Iterator[Found]:
    """Yield samples of a chunk, of each pane and version no fewer than are kept; `parts` number model and version."""
    on_time = placed.late == 0
    groups = (placed.pane, parts[0], parts[1])
    for index, sli in enumerate(policy.slis):
        if sli.on_feedback == (chunk.stream == "feedback"):
            rows = np.flatnonzero((classify(sli, chunk) == BAD) & on_time)
            for row in _first(rows, groups, placed.time, FAILING_MAX).tolist():
                values = tuple((items[row].slices or {}).get(name, "") for name in policy.dimensions)
                yield row, Sample(index, int(placed.time[row]), items[row].request_id, values)
    if chunk.stream == "events":
        yield from _lineages(cast(Sequence[Event], items), groups, placed.time, on_time)


def _lineages(events: Sequence[Event], groups: Sequence[Ints], times: Ints, on_time: Flags) -> Iterator[Found]:
    known = np.array([e.prompt_version is not None or e.endpoint is not None for e in events], bool)
    for row in _first(np.flatnonzero(known & on_time), groups, times, 1).tolist():
        event = events[row]
        lineage = tuple(getattr(event, name) or "" for name in LINEAGES)
        yield row, Sample(LINEAGE, int(times[row]), event.request_id, (), lineage)


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
    return kept
