"""Partial aggregates: what some events add up to, in columns.

Everything in a `Partial` is an integer sum or a maximum, so merging (`merging.py`) is exact, associative and
commutative: the result does not depend on where a batch was cut, nor on the order of partitions or workers.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.monitors import Offender
from operators.stats.design_effect import BUCKETS
from operators.stats.histogram import CODE_BITS, CODE_MIN
from operators.window.chains import Chains
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries
from operators.window.offenders import first_of
from operators.window.samples import Sample, first_samples
from operators.wire.events import TEXT_MAX

OTHER = "__other__"
# The value of a slice dimension in counts from before it existed; longer than any value of an item.
UNSLICED = "\0unsliced".ljust(TEXT_MAX + 1)
GOOD, BAD, NEITHER = 0, 1, 2
N, HI, LO = 0, 1, 2  # A sum is kept as two integers (`sums.py`).
# Extremes are kept as the maxima of -x and of x, so that one maximum serves both.
NEG_MIN, MAX = 0, 1
# A watched number is kept as z, in deviations of the reference, as values may have any size; these digits suffice.
Z_UNIT, Z_MAX = 1e-6, 1e4


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of `rows` groups of events: one group per series, pane and lateness.

    With R rows, S SLIs, M measures: `series` names, `which` (R,) index into it, `pane` (R,) number of the
    pane, `late` (R,) 0 or 1, `events` (R,), `slis` (R, S, 3) good, bad, neither, `sums` (R, M, 3) n, hi, lo,
    `extremes` (R, M, 2) maxima of -x and x (-inf without values). Sparse parts: `outcomes` (K, 3) row, index
    into `error_types`, n; `cells` (C, 2) of row * M + measure << CODE_BITS | code - CODE_MIN, and n; sorted.

    `ages` (A, 2), sorted, are the labels that canary rules compare, by row and age (`label_ages.py`), and n.
    `chains` are the sessions, users and retried requests that events name (`chains.py`); None where none does.

    Of F watched fields with W = `bins` bins together: `features` (D, 2) of row * W + bin, and n, sparse and sorted;
    `moments` (R, F, 5) n, hi and lo of the sum of z, and of z squared, in units of Z_UNIT; `ranges` (R, F, 2) maxima of
    -x and x; `users` (U, 2) of row * BUCKETS + bucket of the users of the events read for them, and n, sorted
    (`stats/design_effect.py`); `offenders` rows and values that break a contract, in order, a few of each series;
    `samples` rows and requests to show to people, in order of rows, a few of each version.
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


def cell_width(part: Partial) -> int:
    """Return the distance between the keys of the histogram cells of neighbouring rows."""
    return int(part.sums.shape[1]) << CODE_BITS


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
    """Return a partial with only the first offenders and samples of each model and version."""
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
    """Return a partial without samples, watched fields, ages and chains, which windows do not need."""
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
