"""Partial aggregates: what some events add up to, in columns, and the one merge of them all.

Everything in a `Partial` is an integer sum or a maximum, so merging is exact, associative and commutative:
the result does not depend on where a batch was cut, nor on the order of partitions or workers.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints, order_by, runs_of
from operators.fast import loading
from operators.policy.monitors import Offender
from operators.stats.design_effect import BUCKETS
from operators.stats.histogram import CODE_BITS, CODE_MIN
from operators.window.chains import Chains, merge_chains, take_chains
from operators.window.label_ages import width
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries, are_of, united
from operators.window.offenders import first_of
from operators.window.samples import Sample, first_samples
from operators.wire.events import TEXT_MAX

T = TypeVar("T")

OTHER = "__other__"
# The value of a slice dimension in what was counted before there was such a dimension; longer than any of an item.
UNSLICED = "\0unsliced".ljust(TEXT_MAX + 1)
GOOD, BAD, NEITHER = 0, 1, 2
# A sum is kept as two integers, hi * 2 ** LIMB_BITS + lo with lo < 2 ** LIMB_BITS for each value added: below
# 2 ** 32 values neither can overflow, whatever the values are.
LIMB_BITS = 31
N, HI, LO = 0, 1, 2
# Extremes are kept as the maxima of -x and of x, so that one maximum serves both.
NEG_MIN, MAX = 0, 1
# Keys this close together are counted in an array with a place for each possible key: faster than sorting.
DENSE, DENSE_MIN = 8, 1_024
WIDTH_MAX = 1 << 20  # Of sparse counts, up to which kernels have a place for each.
# A watched number is kept as z, in deviations of the reference: a value may be any, and this many digits do.
Z_UNIT, Z_MAX = 1e-6, 1e4


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of `rows` groups of events: one group a series, pane and lateness.

    With R rows, S SLIs, M measures: `series` names, `which` (R,) index into it, `pane` (R,) number of the
    pane, `late` (R,) 0 or 1, `events` (R,), `slis` (R, S, 3) good, bad, neither, `sums` (R, M, 3) n, hi, lo,
    `extremes` (R, M, 2) maxima of -x and x (-inf without values). Sparse parts: `outcomes` (K, 3) row, index
    into `error_types`, n; `cells` (C, 2) of row * M + measure << CODE_BITS | code - CODE_MIN, and n; sorted.

    `ages` (A, 2), sorted, are the labels that canary rules compare, by row and age (`label_ages.py`), and n.
    `chains` are the sessions, users and retried requests that events name (`chains.py`); None where none does.

    Of F watched fields with W = `bins` bins together: `features` (D, 2) of row * W + bin, and n, sparse and sorted;
    `moments` (R, F, 5) n, hi and lo of the sum of z, and of z squared, in units of Z_UNIT; `ranges` (R, F, 2) maxima of
    -x and x; `users` (U, 2) of row * BUCKETS + bucket of the users of the events read for them, and n, sorted
    (`stats/design_effect.py`); `offenders` rows and values against a contract, in order, a few of each series;
    `samples` rows and requests that people may be shown, in order of rows, a few of each version.
    """

    series: Sequence[LeafSeries]
    error_types: Sequence[str]
    which: Ints
    pane: Ints
    late: Ints
    events: Ints
    slis: Ints
    sums: Ints
    extremes: Floats
    outcomes: Ints
    cells: Ints
    bins: int
    features: Ints
    moments: Ints
    ranges: Floats
    offenders: Sequence[tuple[int, Offender]] = ()
    ages: Ints = msgspec.field(default_factory=lambda: np.zeros((0, 2), np.int64))
    chains: Chains | None = None
    samples: Sequence[tuple[int, Sample]] = ()
    users: Ints = msgspec.field(default_factory=lambda: np.zeros((0, 2), np.int64))

    @property
    def rows(self) -> int:
        return len(self.which)


def split_limbs(values: Ints) -> tuple[Ints, Ints]:
    """Return (hi, lo) with values == hi * 2 ** LIMB_BITS + lo and 0 <= lo < 2 ** LIMB_BITS."""
    return values >> LIMB_BITS, values & ((1 << LIMB_BITS) - 1)


def number_keys(keys: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys (>= 0) in order, and the number of each key among them, (n,)."""
    low = int(keys.min()) if len(keys) else 0
    if len(keys) and int(keys.max()) - low < DENSE * len(keys) + DENSE_MIN:
        present = np.zeros(int(keys.max()) - low + 1, bool)
        present[keys - low] = True
        return np.flatnonzero(present) + low, (np.cumsum(present) - 1)[keys - low]
    distinct, _ = sum_by_key(keys)
    return distinct, np.searchsorted(distinct, keys)


def sum_by_key(keys: Ints, counts: Ints | None = None) -> tuple[Ints, Ints]:
    """Return the distinct keys (>= 0) in order, and the sum of `counts` (> 0, default 1) over each."""
    low = int(keys.min()) if len(keys) else 0
    if len(keys) and int(keys.max()) - low < DENSE * len(keys) + DENSE_MIN:
        # With weights these are float sums of whole numbers, exact below 2 ** 53.
        sums = np.bincount(keys - low, weights=counts)
        present = np.flatnonzero(sums)
        return present + low, sums[present].astype(np.int64)
    order = order_by(keys)
    ordered = keys[order]
    starts = np.flatnonzero(runs_of(ordered))
    if counts is None:
        return ordered[starts], np.diff(starts, append=len(ordered))
    return ordered[starts], np.add.reduceat(counts[order], starts) if len(starts) else counts


def merge(parts: Sequence[Partial], rename: Mapping[LeafSeries, LeafSeries] | None = None) -> Partial:
    """Add up one or more partials of one policy, row by row of equal (late, pane, series).

    `rename` sends series to others first (those past a limit to `__other__`). Rows come out ordered by
    lateness, pane, then series in order of first appearance.
    """
    tables = [part.series if not rename else [rename.get(name, name) for name in part.series] for part in parts]
    series, which = _rest_last(*united(tables, [part.which for part in parts]))
    late = np.concatenate([part.late for part in parts])
    pane = np.concatenate([part.pane for part in parts])
    order = order_by(late, pane, which)
    changes = runs_of(late[order], pane[order], which[order])
    starts = np.flatnonzero(changes)
    row_of = np.empty(len(order), np.int64)
    row_of[order] = np.cumsum(changes) - 1

    def summed(name: str) -> Any:
        stacked = np.concatenate([getattr(part, name) for part in parts])
        return in_groups(stacked, order, starts, highest=name in ("extremes", "ranges"))

    def added(name: str, width: int) -> Ints:
        return _merge_keyed(parts, name, width, (row_of, order, starts))

    first = order[starts]
    error_types, outcomes = _merge_outcomes(parts, row_of)
    merged = Partial(
        series=series,
        error_types=error_types,
        which=which[first],
        pane=pane[first],
        late=late[first],
        events=summed("events"),
        slis=summed("slis"),
        sums=summed("sums"),
        extremes=summed("extremes"),
        outcomes=outcomes,
        cells=added("cells", cell_width(parts[0])),
        bins=parts[0].bins,
        features=added("features", parts[0].bins),
        moments=summed("moments"),
        ranges=summed("ranges"),
        offenders=_moved([(part.offenders, part.rows) for part in parts], row_of),
        samples=_moved([(part.samples, part.rows) for part in parts], row_of),
        ages=added("ages", width(parts[0].slis.shape[1])),
        users=added("users", BUCKETS),
        chains=merge_chains([part.chains for part in parts], [part.rows for part in parts], row_of),
    )
    return keep_first(merged)


def in_groups(values: NDArray[Any], order: Ints, starts: Ints, *, highest: bool) -> NDArray[Any]:
    """Return sums, or maxima, of groups of rows: in `order` (rows,) each begins where `starts` (groups,) says."""
    if not len(starts):
        return values
    if highest:  # Of zeros of either sign NumPy takes another one than the kernel for slices does.
        return np.asarray(np.maximum.reduceat(values[order], starts, axis=0))
    if (kernels := loading.kernels()) is None:
        return np.asarray(np.add.reduceat(values[order], starts, axis=0))
    of_kernels: NDArray[Any] = kernels.summed_groups(order, starts, values)
    return of_kernels


def take(part: Partial, first: int, last: int) -> Partial:
    """Return rows first..last-1. O(those rows): the sparse parts are sorted by row."""
    return part if (first, last) == (0, part.rows) else split_rows(part, (first, last))[0]


def split_rows(
    part: Partial, edges: Sequence[int], named: Iterable[tuple[Sequence[LeafSeries], Ints]] | None = None
) -> list[Partial]:
    """Return the rows from each of some edges, in order, up to before the next one.

    `named` gives of each its series and which of them its rows are of; None: each has the series of all.
    """
    cells, features, ages, users, outcomes = (
        _split_keyed(counts, width, edges)
        for counts, width in (
            (part.cells, cell_width(part)),
            (part.features, part.bins),
            (part.ages, width(part.slis.shape[1])),
            (part.users, BUCKETS),
            (part.outcomes, 1),
        )
    )
    offenders, samples = _split_found(part.offenders, edges), _split_found(part.samples, edges)
    if named is None:
        named = ((part.series, part.which[first:last]) for first, last in pairwise(edges))
    return [
        Partial(
            series=series,
            error_types=part.error_types,
            which=which,
            pane=part.pane[first:last],
            late=part.late[first:last],
            events=part.events[first:last],
            slis=part.slis[first:last],
            sums=part.sums[first:last],
            extremes=part.extremes[first:last],
            outcomes=outcomes[at],
            cells=cells[at],
            bins=part.bins,
            features=features[at],
            moments=part.moments[first:last],
            ranges=part.ranges[first:last],
            offenders=offenders[at],
            ages=ages[at],
            users=users[at],
            chains=take_chains(part.chains, first, last),
            samples=samples[at],
        )
        for at, ((first, last), (series, which)) in enumerate(zip(pairwise(edges), named, strict=True))
    ]


def cell_rows(cells: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (row * measures + measure, code, n) of each histogram cell, each (C,)."""
    keys = cells[:, 0]
    return keys >> CODE_BITS, (keys & ((1 << CODE_BITS) - 1)) + CODE_MIN, cells[:, 1]


def feature_rows(part: Partial) -> tuple[Ints, Ints, Ints]:
    """Return row, bin of the layout, and n of each feature count, each (D,)."""
    keys = part.features[:, 0]
    return keys // max(part.bins, 1), keys % max(part.bins, 1), part.features[:, 1]


def user_rows(part: Partial) -> tuple[Ints, Ints, Ints]:
    """Return row, bucket of users, and n of each, (U,)."""
    return part.users[:, 0] // BUCKETS, part.users[:, 0] % BUCKETS, part.users[:, 1]


def keep_first(part: Partial) -> Partial:
    """Return it with only the first offenders and samples of each model and version."""
    if not part.offenders and not part.samples:
        return part
    late, pane, which = part.late, part.pane, part.which
    series = [(row, part.series[which[row]]) for row, _ in part.offenders]
    groups = [(int(late[row]), int(pane[row]), name.model, name.version) for row, name in series]
    samples = part.samples
    if samples:
        samples = first_samples(_versions(part, np.array([row for row, _ in samples], np.int64)), samples)
    return msgspec.structs.replace(part, offenders=first_of(groups, part.offenders), samples=samples)


def _versions(part: Partial, rows: Ints) -> Ints:
    """Return a number for the pane, model and version of each of some rows, (n,)."""
    series = part.series if isinstance(part.series, NumberedSeries) else LeafIndex().numbered(part.series)
    version, pane = series.leaves.version_of()[series.rows[part.which[rows]]], part.pane[rows]
    numbers: Ints = (pane - pane.min()) * (version.max() + 1) + version
    return numbers


def unwatched(part: Partial) -> Partial:
    """Return it without samples, watched fields, ages and chains: windows, and what rebuilds them, need none."""
    if part.samples:
        part = msgspec.structs.replace(part, samples=())
    if not (part.moments.shape[1] or len(part.ages) or part.chains):
        return part
    return msgspec.structs.replace(
        part,
        bins=0,
        features=part.features[:0],
        moments=part.moments[:, :0],
        ranges=part.ranges[:, :0],
        offenders=(),
        users=part.users[:0],
        ages=part.ages[:0],
        chains=None,
    )


def _rest_last(series: NumberedSeries, which: Ints) -> tuple[NumberedSeries, Ints]:
    """Number what is counted of models past the limit after all others."""
    past = are_of(series, OTHER)
    if not past.any():
        return series, which
    order = np.argsort(past, kind="stable")
    return series.leaves.chosen(series.rows[order]), np.argsort(order)[which]


def _merge_outcomes(parts: Sequence[Partial], row_of: Ints) -> tuple[list[str], Ints]:
    index: dict[str, int] = {}
    rows, codes, counts, shift = [], [], [], 0
    for part in parts:
        new = np.array([index.setdefault(name, len(index)) for name in part.error_types], np.int64)
        rows.append(row_of[part.outcomes[:, 0] + shift])
        codes.append(new[part.outcomes[:, 1]])
        counts.append(part.outcomes[:, 2])
        shift += part.rows
    width = max(len(index), 1)
    keys, sums = sum_by_key(np.concatenate(rows) * width + np.concatenate(codes), np.concatenate(counts))
    return list(index), np.column_stack((keys // width, keys % width, sums))


def cell_width(part: Partial) -> int:
    """How far the keys of the histogram cells of neighbouring rows are apart."""
    return int(part.sums.shape[1]) << CODE_BITS


def _merge_keyed(parts: Sequence[Partial], name: str, width: int, groups: tuple[Ints, Ints, Ints]) -> Ints:
    """Merge sparse counts (K, 2) of row * width + place, and n.

    `groups` are the new row of each of all rows, these in the order of their new ones, and where in it each begins.
    """
    counted: list[Ints] = [getattr(part, name) for part in parts]
    if not any(map(len, counted)):
        return counted[0]
    row_of, order, starts = groups
    every, first, at = np.concatenate(counted), 0, 0
    for part, counts in zip(parts, counted, strict=True):
        every[at : at + len(counts), 0] += first * width
        first, at = first + part.rows, at + len(counts)
    kernels = loading.kernels()
    if kernels is not None and width <= WIDTH_MAX:
        added: Ints = kernels.added_rows(every, len(order), order, starts, width)
        return added
    rows, places = np.divmod(every[:, 0], width)
    return np.column_stack(sum_by_key(row_of[rows] * width + places, every[:, 1]))


def _split_found(found: Sequence[tuple[int, T]], edges: Sequence[int]) -> list[list[tuple[int, T]]]:
    """Return what was found in the rows from each edge to the next, by its row in these."""
    pieces: list[list[tuple[int, T]]] = [[] for _ in edges[1:]]
    if not found:
        return pieces
    rows, begins = np.array([row for row, _ in found], np.int64), np.array(edges, np.int64)
    of = begins.searchsorted(rows, "right") - 1
    for piece, row, (_, each) in zip(of.tolist(), (rows - begins[of]).tolist(), found, strict=True):
        if 0 <= piece < len(pieces):
            pieces[piece].append((row, each))
    return pieces


def _split_keyed(counts: Ints, width: int, edges: Sequence[int]) -> list[Ints]:
    """Return the counts of the rows from each edge to the next; their first column is of row * width + place."""
    if not len(counts):
        return [counts] * (len(edges) - 1)
    begins = np.array(edges) * width
    bounds = counts[:, 0].searchsorted(begins)
    moved = counts[bounds[0] : bounds[-1]].copy()
    moved[:, 0] -= np.repeat(begins[:-1], np.diff(bounds))
    return [moved[start:stop] for start, stop in pairwise((bounds - bounds[0]).tolist())]


def _moved(parts: Sequence[tuple[Sequence[tuple[int, T]], int]], row_of: Ints) -> list[tuple[int, T]]:
    """Return what parts have by row, each given with its number of rows, by the rows of all."""
    moved: list[tuple[int, T]] = []
    shift = 0
    for some, rows in parts:
        if some:
            to = row_of[np.array([row for row, _ in some], np.int64) + shift].tolist()
            moved += [(row, each) for row, (_, each) in zip(to, some, strict=True)]
        shift += rows
    return moved
