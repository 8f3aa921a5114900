"""How the requests of a tumbling window ended: by version, on all traffic and on each dimension alone."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.window.rolled_hops import RolledHops
from operators.window.series_index import SeriesIndex, SliceSeries


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """`names` (W,) are the series with requests, `requests` (W,) how many, `errors` (W,) how many failed, by type."""

    names: Sequence[SliceSeries]
    requests: Ints
    errors: Sequence[Mapping[str, int]]


def outcomes_of(rolled: RolledHops, slots: SeriesIndex) -> list[Outcomes]:
    """Add up the outcomes of finest series to slices of at most one dimension, hop by hop.

    Feedback has no outcome. The hops count into `slots`.
    """
    part, sums, own = rolled.part, rolled.sums, rolled.hop.counts.slots
    row, code, n = part.outcomes.T
    requests = sums.added(np.bincount(row, weights=n, minlength=part.rows).astype(np.int64))
    coarse = np.array([len(grain) <= 1 for grain in slots.grains])[slots.grain_numbers()[own]]
    (held,) = ((requests > 0) & coarse).nonzero()
    errors: dict[int, dict[str, int]] = {slot: {} for slot in sums.slots[held].tolist()}
    if any(part.error_types):
        failed = np.array([error != "" for error in part.error_types], bool)[code].nonzero()[0]
        parents = rolled.parents[row[failed]].tolist()
        for slots_of, kind, count in zip(parents, code[failed].tolist(), n[failed].tolist(), strict=True):
            error = part.error_types[kind]
            for slot in slots_of:
                known = errors.get(slot)  # None for finer slices and NOWHERE.
                if known is not None:
                    known[error] = known.get(error, 0) + count
    names = [slots.names[slot] for slot in own[held].tolist()]
    by_type = [dict(sorted(each.items())) for each in errors.values()]
    requests = requests[held]
    return [
        Outcomes(names=names[first:last], requests=requests[first:last], errors=by_type[first:last])
        for first, last in pairwise(held.searchsorted(rolled.edges).tolist())
    ]
