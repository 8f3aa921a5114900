"""How the requests of a tumbling window ended: by version, on all traffic and on each dimension alone."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Ints, runs_of
from operators.window.partial import Partial, sum_by_key
from operators.window.series_index import SeriesIndex, SliceSeries


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """`names` (W,) are the series with requests, `requests` (W,) how many, `errors` (W,) how many failed, by type."""

    names: Sequence[SliceSeries]
    requests: Ints
    errors: Sequence[Mapping[str, int]]


def outcomes_of(part: Partial, slots: SeriesIndex) -> Outcomes:
    """Add the outcomes of finest series up to the slices of at most one dimension; feedback has no outcome."""
    coarse = [place for place, grain in enumerate(slots.grains) if len(grain) <= 1]
    row, code, n = part.outcomes.T
    types = max(len(part.error_types), 1)
    keys = (slots.parents(part.series)[part.which[row]][:, coarse] * types + code[:, None]).ravel()
    known = keys >= 0  # Else it is NOWHERE.
    keys, counts = sum_by_key(keys[known], np.repeat(n, len(coarse))[known])
    slot, code = np.divmod(keys, types)
    runs = runs_of(slot)
    first = np.flatnonzero(runs)
    names = slot[first]
    errors: list[dict[str, int]] = [{} for _ in names]
    failed = np.flatnonzero(np.array([error != "" for error in part.error_types], bool)[code])
    at = np.cumsum(runs)[failed] - 1
    for place, kind, count in zip(at.tolist(), code[failed].tolist(), counts[failed].tolist(), strict=True):
        errors[place][part.error_types[kind]] = count
    return Outcomes(
        names=[slots.names[number] for number in names.tolist()],
        requests=np.add.reduceat(counts, first) if len(first) else counts,
        errors=[dict(sorted(each.items())) for each in errors],
    )
