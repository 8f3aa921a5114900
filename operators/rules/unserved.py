"""Slices of the baseline's traffic that a candidate has never served, so that nothing is known about it there.

A version that was let into one ring, or one region, passes there, and a promotion would send it all users. A slice
matters if it has `share_min` of the baseline's requests. Smaller slices matter if they have that much together, as far
as the candidate would surely have had some of their requests in a split by chance: if `SURE` requests are expected,
none come with a chance of 1 %. (That a candidate with a few requests has none in some of hundreds of slices means
nothing.)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.stats.multiple_testing import Bools
from operators.window.series_index import SliceSeries, slice_text

SURE = 5.0
SHARE_MIN = 0.05  # Of a slice that matters by itself, whatever the policy says: smaller ones may never be known.
SHOWN_MAX = 20
Covers = Callable[[Iterable[tuple[str, str]]], bool]  # Whether a slice, by dimension and value, is one to consider.
Rings = Mapping[Comparison, Sequence[Mapping[str, str]]]  # The slices to which a release is limited.


class Unserved(NamedTuple):
    """A slice with `n` requests of the baseline, a `share` of all the baseline's."""

    slice: str
    share: float
    n: int


def unserved(
    names: Sequence[SliceSeries],
    events: Ints,
    grains: Iterable[Sequence[str]],
    share_min: float,
    covers: Covers = lambda dims: True,
    *,
    every: bool = False,
) -> list[Unserved]:
    """Return the slices of `grains` that matter and of which the candidate had nothing, the largest first.

    `events` (strata, 2) are the requests of candidate and baseline by finest slice, `names` these slices. A slice
    within another one of the result is left out, and so is one that is not covered. `every`: also slices that do not
    matter.
    """
    n_c, n_b = events.sum(axis=0).tolist()
    found: list[Unserved] = []
    named: list[dict[str, str]] = []
    for grain in sorted(grains, key=len):
        sums: dict[tuple[str, ...], list[int]] = {}
        for name, both in zip(names, events.tolist(), strict=True):
            known = sums.setdefault(tuple(name.dims[each] for each in grain), [0, 0])
            known[0], known[1] = known[0] + both[0], known[1] + both[1]
        known_of = {values: both for values, both in sums.items() if covers(zip(grain, values, strict=True))}
        none = {values: n for values, (some, n) in known_of.items() if n and not some}
        sure = {values: n for values, n in none.items() if n * n_c >= SURE * n_b}
        all_sure = sum(sure.values()) >= share_min * n_b
        for values in sorted(none, key=lambda each: (-none[each], each)):
            dims = dict(zip(grain, values, strict=True))
            matters = every or none[values] >= max(share_min, SHARE_MIN) * n_b or (all_sure and values in sure)
            if matters and not any(other.items() <= dims.items() for other in named):
                named.append(dims)
                found.append(Unserved(slice_text(tuple(dims.items())), none[values] / n_b, none[values]))
    return sorted(found, key=lambda each: (-each.n, each.slice))[:SHOWN_MAX]


class Elsewhere(NamedTuple):
    """A slice that a candidate has never served: the baseline's good and bad events there, by the name of the SLI."""

    slice: str
    dims: Mapping[str, str]
    counts: Mapping[str, tuple[int, int]]


def elsewhere(
    names: Sequence[SliceSeries],
    seen: Ints,
    grains: Iterable[Sequence[str]],
    slis: Mapping[int, str],
    covers: Covers = lambda dims: True,
) -> tuple[Elsewhere, ...]:
    """Return the slices of which a candidate had nothing and the baseline something, the largest first.

    `seen` (strata, columns, 4) are n_c, x_c, n_b, x_b; `slis` are the columns that count.
    """
    events = requests(seen[:, :, ::2])
    by_text = {text: dims for grain in grains for text, dims in _all_of(names, grain).items()}
    found = []
    for each in unserved(names, events, grains, 0.0, covers, every=True):
        mine = np.array([by_text[each.slice].items() <= name.dims.items() for name in names], bool)
        sums = seen[mine].sum(axis=0)
        counts = {sli: (int(sums[at, 2] - sums[at, 3]), int(sums[at, 3])) for at, sli in slis.items() if sums[at, 2]}
        found.append(Elsewhere(each.slice, by_text[each.slice], counts))
    return tuple(found)


def _all_of(names: Sequence[SliceSeries], grain: Sequence[str]) -> dict[str, dict[str, str]]:
    every = [{name: stratum.dims[name] for name in grain} for stratum in names]
    return {slice_text(tuple(dims.items())): dims for dims in every}


def inside(names: Sequence[SliceSeries], rings: Sequence[Mapping[str, str]]) -> Bools:
    """Return which strata are within any of the rings, (strata,); all of them without rings."""
    return np.array([not rings or any(ring.items() <= name.dims.items() for ring in rings) for name in names], bool)


def requests(served: Ints) -> Ints:
    """Return the requests of both versions by stratum, (strata, 2): the most of any SLI, as each may miss some."""
    return np.asarray(served.max(axis=1, initial=0))
