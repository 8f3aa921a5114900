"""How the requests of a tumbling window ended: by version, on all traffic and on each dimension alone."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.window.partial import Partial
from operators.window.series_index import Rollup, SeriesIndex, SliceSeries


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """`names` (W,) are the series with requests, `requests` (W,) how many, `errors` (W,) how many failed, by type."""

    names: Sequence[SliceSeries]
    requests: Ints
    errors: Sequence[Mapping[str, int]]


def outcomes_of(part: Partial, sums: Rollup, slots: SeriesIndex) -> Outcomes:
    """Add the outcomes of finest series up to the slices of at most one dimension; feedback has no outcome.

    `sums` says how the rows of `part` add up to `slots`.
    """
    row, code, n = part.outcomes.T
    requests = sums.added(np.bincount(row, weights=n, minlength=part.rows).astype(np.int64))
    coarse = np.array([len(grain) <= 1 for grain in slots.grains])[slots.grain_numbers()[sums.slots]]
    (held,) = ((requests > 0) & coarse).nonzero()
    names = sums.slots[held].tolist()
    errors: dict[int, dict[str, int]] = {slot: {} for slot in names}
    if any(part.error_types):
        failed = np.array([error != "" for error in part.error_types], bool)[code].nonzero()[0]
        parents = slots.parents(part.series)[part.which[row[failed]]].tolist()
        for slots_of, kind, count in zip(parents, code[failed].tolist(), n[failed].tolist(), strict=True):
            error = part.error_types[kind]
            for slot in slots_of:
                known = errors.get(slot)  # None of a finer slice, and NOWHERE.
                if known is not None:
                    known[error] = known.get(error, 0) + count
    return Outcomes(
        names=[slots.names[slot] for slot in names],
        requests=requests[held],
        errors=[dict(sorted(each.items())) for each in errors.values()],
    )
