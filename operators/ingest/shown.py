"""The requests of a chunk to show to people: the first that an SLI calls bad, and the first that tell of their version.

Only bad items are sorted; of the others only prompt and endpoint are looked at.
"""

from collections.abc import Iterator, Sequence
from itertools import repeat

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.again import Items, ShownFields, shown_of
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.shown_before import ShownBefore
from operators.ingest.sli import classify
from operators.policy.policy import Policy
from operators.stats.multiple_testing import Bools
from operators.window.partial import BAD
from operators.window.samples import LINEAGE, Sample
from operators.wire.events import Event

Found = tuple[int, Sample]  # With its place in the batch.


class Showable(msgspec.Struct, frozen=True, kw_only=True):
    """The n kept items of a chunk, of which only a few are looked at: `columns`, and the numbers of their `parts`.

    `lineage` (n,) marks those that name a prompt version or endpoint; `before` has what earlier chunks showed. `names`
    are what the numbers of each part stand for: model, version, and the value of each slice dimension.
    """

    items: Items
    columns: Columns
    parts: Sequence[Ints]
    lineage: Bools
    names: Sequence[list[str]]
    before: ShownBefore


def shown(chunk: Showable, placed: EventTimes, policy: Policy, first: int = 0) -> list[Found]:
    """Return samples of a chunk, whose items begin at `first`: at least as many per pane and version as are kept."""
    chosen = _chosen(chunk, placed, policy)
    if not chosen:
        return []
    items = shown_of(chunk.items, np.concatenate([*chosen.values()]))
    found: list[Found] = []
    for sli, rows in chosen.items():
        some = [items[row] for row in rows.tolist()]
        ids, times = [item.request_id for item in some], placed.time[rows].tolist()
        none: Iterator[tuple[str, ...]] = repeat((), len(some))
        says = (none, map(_lineage_of, some)) if sli == LINEAGE else (_values(chunk, rows), none)
        samples = map(Sample._make, zip(repeat(sli, len(some)), times, ids, *says, strict=True))
        found += zip((rows + first).tolist(), samples, strict=True)
    return found


def _lineage_of(item: Event | ShownFields) -> tuple[str, ...]:
    """Return the fields of an item in LINEAGES, "" where one is absent."""
    return item.prompt_version or "", item.endpoint or "", item.team or ""


def _chosen(chunk: Showable, placed: EventTimes, policy: Policy) -> dict[int, Ints]:
    """Return, by SLI or LINEAGE, the items to show: those that are neither late nor after enough that were shown."""
    on_time = placed.late == 0
    marked = {
        index: (classify(sli, chunk.columns) == BAD) & on_time
        for index, sli in enumerate(policy.slis)
        if sli.on_feedback == (chunk.columns.stream == "feedback")
    }
    marked[LINEAGE] = chunk.lineage & on_time
    marked = {sli: some for sli, some in marked.items() if some.any()}
    if not marked:
        return {}
    groups = chunk.before.groups(placed.pane, chunk.parts[:2], chunk.names[:2])
    found = {sli: chunk.before.first(sli, some, groups, placed.time) for sli, some in marked.items()}
    return {sli: rows for sli, rows in found.items() if len(rows)}


def _values(chunk: Showable, rows: Ints) -> Iterator[tuple[str, ...]]:
    """Yield the slice of each item at `rows`."""
    of_dimensions = zip(chunk.parts[2:], chunk.names[2:], strict=True)
    values = [[names[number] for number in part[rows].tolist()] for part, names in of_dimensions]
    return zip(*values, strict=True) if values else iter([()] * len(rows))
