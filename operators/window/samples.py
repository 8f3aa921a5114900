"""Requests that are shown to people, a few of each pane: the first that an SLI calls bad, the first of each version.

First by event time, then by request id: which are kept depends neither on where a batch was cut nor on the order of
merging. Late items are none of them.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

LINEAGE = -1  # Stands where the others have their SLI: what the first request of a version says of how it was made.
LINEAGES = ("prompt_version", "endpoint", "team")  # Fields of an event, in the order of `Sample.lineage`.
FAILING_MAX = 5  # Of a pane, model, version and SLI.


class Sample(NamedTuple):
    """A request: the index of the SLI that calls it bad, its time [Unix ms], its slice, and what lineage it has."""

    sli: int
    time: int
    request_id: str
    values: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()


Group = tuple[int, str, str]  # Pane, model, version.


def first_samples(groups: Iterable[Group], samples: Sequence[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """Return the first samples of each group, `groups` being that of each, in order of rows."""
    places: dict[tuple[Group, int], list[tuple[int, Sample]]] = {}
    for group, found in zip(groups, samples, strict=True):
        places.setdefault((group, found[1].sli), []).append(found)
    kept: list[tuple[int, Sample]] = []
    for (_, sli), some in places.items():
        kept += some if len(some) == 1 else _first(some, 1 if sli == LINEAGE else FAILING_MAX)
    return sorted(kept)


def _first(some: Iterable[tuple[int, Sample]], most: int) -> list[tuple[int, Sample]]:
    """Return the first samples of one SLI, each once and with the first of its rows."""
    row_of: dict[Sample, int] = {}
    for row, sample in some:
        row_of[sample] = min(row, row_of.get(sample, row))
    return [(row_of[sample], sample) for sample in sorted(row_of, key=itemgetter(slice(1, None)))[:most]]
