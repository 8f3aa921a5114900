"""Requests that are shown to people, a few of each pane: the first that an SLI calls bad, the first of each version.

First by event time, then by request id: which are kept depends neither on where a batch was cut nor on the order of
merging. Late items are none of them.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

LINEAGE = -1  # Stands where the others have their SLI: what the first request of a version says of how it was made.
# Fields of an event, in the order of `Sample.lineage`; `ingest/shown.py` reads them.
LINEAGES = ("prompt_version", "endpoint", "team")
FAILING_MAX = 5  # Of a pane, model, version and SLI.


class Sample(NamedTuple):
    """A request: the index of the SLI that calls it bad, its time [Unix ms], its slice, and what lineage it has."""

    sli: int
    time: int
    request_id: str
    values: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()


def first_samples(groups: Iterable[int], samples: Sequence[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """Return the first samples of each pane, model and version, `groups` being their numbers, in order of rows."""
    places: dict[tuple[int, int], list[tuple[int, Sample]]] = {}
    for group, found in zip(groups, samples, strict=True):
        place = group, found[1][0]
        if place in places:
            places[place].append(found)
        else:
            places[place] = [found]
    kept: list[tuple[int, Sample]] = []
    for (_, sli), some in places.items():
        kept += some if len(some) == 1 else _first(some, 1 if sli == LINEAGE else FAILING_MAX)
    kept.sort()
    return kept


def _first(some: Iterable[tuple[int, Sample]], most: int) -> list[tuple[int, Sample]]:
    """Return the first samples of one SLI, each once and with the first of its rows."""
    row_of: dict[Sample, int] = {}
    for row, sample in some:
        row_of[sample] = min(row, row_of.get(sample, row))
    return [(row_of[sample], sample) for sample in sorted(row_of, key=itemgetter(slice(1, None)))[:most]]
