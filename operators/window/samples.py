"""Requests that are shown to people, a few of each pane: the first that an SLI calls bad, the first of each version.

First by event time, then by request id: which are kept depends neither on where a batch was cut nor on the order of
merging. Late items are none of them.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints, order_by, runs_of

LINEAGE = -1  # Stands where the others have their SLI: what the first request of a version says of how it was made.
# Fields of an event, in the order of `Sample.lineage`; `ingest/shown.py` reads them.
LINEAGES = ("prompt_version", "endpoint", "team")
FAILING_MAX = 5  # Of a pane, model, version and SLI.
LINEAGE_MAX = 1
SLI, TIME = 0, 1  # Where they stand in a sample.


class Sample(NamedTuple):
    """A request: the index of the SLI that calls it bad, its time [Unix ms], its slice, and what lineage it has."""

    sli: int
    time: int
    request_id: str
    values: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()


def first_samples(groups: Ints, samples: Sequence[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """Return the first samples of each pane, model and version, `groups` (n,) being their numbers, in order of rows."""
    if len(samples) == 1:
        return list(samples)
    rows = np.array([row for row, _ in samples], np.int64)
    slis = np.array([sample[SLI] for _, sample in samples], np.int64)
    times = np.array([sample[TIME] for _, sample in samples], np.int64)
    order = order_by(groups, slis, times)
    changes = runs_of(groups[order], slis[order])
    starts, of = np.flatnonzero(changes), np.cumsum(changes) - 1
    most = np.where(slis[order[starts]] == LINEAGE, LINEAGE_MAX, FAILING_MAX)
    # Where two have one time, it takes all that they say to tell which is first, and whether they are the same.
    alike = np.bincount(of, weights=~runs_of(of, times[order])) > 0
    kept = order[~alike[of] & (np.arange(len(order)) - starts[of] < most[of])]
    after = np.zeros(len(order), np.int64)  # How many that are alike in all else are before a sample.
    ends = np.append(starts[1:], len(order))
    for place in np.flatnonzero(alike).tolist():
        first = _first(order[starts[place] : ends[place]].tolist(), samples, int(most[place]))
        after[first] = np.arange(len(first))
        kept = np.append(kept, first)
    kept = kept[order_by(rows[kept], slis[kept], times[kept], after[kept])]
    return [samples[at] for at in kept.tolist()]


def _first(places: Sequence[int], samples: Sequence[tuple[int, Sample]], most: int) -> list[int]:
    """Return where the first samples of one SLI stand, in order, each once and with the first of its rows."""
    place_of: dict[Sample, int] = {}
    for at in places:
        row, sample = samples[at]
        if sample not in place_of or row < samples[place_of[sample]][0]:
            place_of[sample] = at
    return [place_of[sample] for sample in sorted(place_of, key=itemgetter(slice(TIME, None)))[:most]]
