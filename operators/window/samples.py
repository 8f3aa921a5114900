"""Requests that are shown to people, a few of each pane: the first that an SLI calls bad, the first of each version.

First by event time, then by request id: which are kept depends neither on where a batch was cut nor on the order of
merging. Late items are none of them.
"""

from collections.abc import Iterable, Sequence
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
    taken: dict[tuple[Group, int], int] = {}
    distinct: dict[tuple[Group, Sample], int] = {}
    for group, (row, sample) in zip(groups, samples, strict=True):
        distinct[group, sample] = min(row, distinct.get((group, sample), row))
    kept = []
    for group, sample in sorted(distinct, key=lambda each: each[1][1:]):
        place = group, sample.sli
        taken[place] = taken.get(place, 0) + 1
        if taken[place] <= (1 if sample.sli == LINEAGE else FAILING_MAX):
            kept.append((distinct[group, sample], sample))
    return sorted(kept)
