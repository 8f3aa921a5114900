"""Requests to show to people, a few of each pane: the first that an SLI calls bad, and the first of each version.

They are ordered by event time, then by request id, so that the choice depends neither on where a batch was cut nor on
the order of merging. Late items are never samples.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints, order_by, runs_of

LINEAGE = -1  # Stands in place of an SLI: the first request of a version, which says how the version was made.
# Fields of an event, in the order of `Sample.lineage`; `ingest/shown.py` reads them.
LINEAGES = ("prompt_version", "endpoint", "team")
FAILING_MAX = 5  # Per pane, model, version and SLI.
LINEAGE_MAX = 1
SLI, TIME = 0, 1  # Their places in a sample.


class Sample(NamedTuple):
    """A request: the index of the SLI that calls it bad, its time [Unix ms], its slice, and its lineage."""

    sli: int
    time: int
    request_id: str
    values: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()


def first_samples(groups: Ints, samples: Sequence[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """Return the first samples of each pane, model and version, numbered by `groups` (n,), in order of rows."""
    if len(samples) == 1:
        return list(samples)
    rows = np.array([row for row, _ in samples], np.int64)
    slis = np.array([sample[SLI] for _, sample in samples], np.int64)
    times = np.array([sample[TIME] for _, sample in samples], np.int64)
    order = order_by(groups, slis, times)
    changes = runs_of(groups[order], slis[order])
    starts, of = np.flatnonzero(changes), np.cumsum(changes) - 1
    most = np.where(slis[order[starts]] == LINEAGE, LINEAGE_MAX, FAILING_MAX)
    # Samples of the same time must be ordered by all their fields, which also finds duplicates.
    alike = np.bincount(of, weights=~runs_of(of, times[order])) > 0
    kept = order[~alike[of] & (np.arange(len(order)) - starts[of] < most[of])]
    after = np.zeros(len(order), np.int64)  # The order within such groups.
    ends = np.append(starts[1:], len(order))
    for place in np.flatnonzero(alike).tolist():
        first = _first(order[starts[place] : ends[place]].tolist(), samples, int(most[place]))
        after[first] = np.arange(len(first))
        kept = np.append(kept, first)
    kept = kept[order_by(rows[kept], slis[kept], times[kept], after[kept])]
    return [samples[at] for at in kept.tolist()]


def _first(places: Sequence[int], samples: Sequence[tuple[int, Sample]], most: int) -> list[int]:
    """Return the places of the first samples of one SLI, in order, each sample once and with the first of its rows."""
    place_of: dict[Sample, int] = {}
    for at in places:
        row, sample = samples[at]
        if sample not in place_of or row < samples[place_of[sample]][0]:
            place_of[sample] = at
    return [place_of[sample] for sample in sorted(place_of, key=itemgetter(slice(TIME, None)))[:most]]
