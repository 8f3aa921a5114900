"""The values of a pane by compared version, of all releases at once, and how many of them exceed limits."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints, nth_of_each
from operators.rules.comparison import Comparison
from operators.rules.exceeding import Exceeding, Limit
from operators.rules.spreads import Spreads
from operators.rules.value_history import BASELINE, CANDIDATE
from operators.stats.histogram import CODE_MIN
from operators.stats.multiple_testing import Bools
from operators.window.series_index import SliceSeries

NO_LIMIT = CODE_MIN - 1  # Too few values are known yet.


class ArmValues(NamedTuple):
    """Values of candidates and baselines; those of a version come once for each release that compares it.

    E finest slices: `row` (E,) is the row in the spreads, `pair` (E,) the number in `ComparedLeaves`, `arm` (E,) is 2 *
    the number of the release, plus CANDIDATE or BASELINE. C counts, (C,) each: `n` values of a `measure` in bucket
    `code`; `of` is the finest slice.
    """

    row: Ints
    pair: Ints
    arm: Ints
    of: Ints
    measure: Ints
    code: Ints
    n: Ints


class ComparedLeaves:
    """Which of some `releases` compare the version of a finest slice, looked up once for each slice.

    A pairs of a finest slice and an arm of a release, slice by slice: `leaf` (A,) is the slice's number in `names`,
    `arms` (A,) is as `arm` of `ArmValues`. The pairs of a slice begin at `firsts`; there are `times` of them.
    """

    leaf: Ints
    arms: Ints
    times: Ints
    firsts: Ints

    def __init__(self, releases: Sequence[Comparison]) -> None:
        self.releases = releases
        self._arms: dict[tuple[str, str], list[int]] = {}
        for number, release in enumerate(releases):
            self._arms.setdefault((release.model, release.candidate), []).append(2 * number + CANDIDATE)
            self._arms.setdefault((release.model, release.baseline), []).append(2 * number + BASELINE)
        self._begin(())

    def follow(self, names: Sequence[SliceSeries]) -> None:
        """Take the names that are new; if `names` is another list, begin anew with it."""
        if names is not self.names:
            self._begin(names)
        known = len(self.times)
        if len(names) == known:
            return
        new = [self._arms.get(name[:2], ()) for name in names[known:]]
        times = np.array([len(each) for each in new], np.int64)
        self.times = np.concatenate((self.times, times))
        self.firsts = np.cumsum(self.times) - self.times
        self.leaf = np.concatenate((self.leaf, np.repeat(np.arange(known, len(names)), times)))
        self.arms = np.concatenate((self.arms, np.array([arm for each in new for arm in each], np.int64)))

    def _begin(self, names: Sequence[SliceSeries]) -> None:
        self.names = names
        self.leaf = self.arms = self.times = self.firsts = np.zeros(0, np.int64)


def by_arm(spreads: Spreads, leaves: ComparedLeaves, measures: Collection[int]) -> ArmValues:
    """Return the values of some measures that the versions of releases had."""
    leaves.follow(spreads.names)
    times = leaves.times[spreads.series]
    row, nth = _repeated(np.arange(len(times)), times)
    pair = leaves.firsts[spreads.series[row]] + nth
    some = np.flatnonzero(_is_among(spreads.measure, measures))
    cell, nth = _repeated(some, times[spreads.row[some]])
    return ArmValues(
        row=row,
        pair=pair,
        arm=leaves.arms[pair],
        of=(np.cumsum(times) - times)[spreads.row[cell]] + nth,
        measure=spreads.measure[cell],
        code=spreads.code[cell],
        n=spreads.n[cell],
    )


def _is_among(measure: Ints, measures: Collection[int]) -> Bools:
    known = np.zeros(max([*measures, int(measure.max(initial=0))]) + 1, bool)
    known[list(measures)] = True
    return known[measure]


def _repeated(each: Ints, times: Ints) -> tuple[Ints, Ints]:
    """Repeat each number as often as `times` says; return them, and the index of each repetition from 0 on."""
    return np.repeat(each, times), nth_of_each(times)


def edges_of(limits: Sequence[Limit], exceeding: Sequence[Exceeding]) -> Ints:
    """Return the bucket above which values are bad, by limit and arm, (limits, 2 releases), NO_LIMIT where unknown."""
    codes = [[each.codes.get(number, NO_LIMIT) for each in exceeding] for number in range(len(limits))]
    of_candidates = [[limit.of_candidate(code) for code in mine] for limit, mine in zip(limits, codes, strict=True)]
    return np.stack((of_candidates, codes), axis=2).reshape(len(limits), 2 * len(exceeding)).astype(np.int64)


def exceeding_counts(values: ArmValues, limits: Sequence[Limit], edges: Ints) -> Ints:
    """Return good and bad values of each finest slice by limit, (E, limits, 2); `edges` are those of `edges_of`."""
    counts = np.zeros((len(limits), 2 * len(values.row)), np.int64)
    for number, limit in enumerate(limits):
        edge = edges[number][values.arm]
        mine = np.flatnonzero(values.measure == limit.measure)
        mine = mine[edge[values.of[mine]] != NO_LIMIT]
        of = values.of[mine]
        # Sums of whole numbers, exact below 2 ** 53.
        at = 2 * of + (values.code[mine] > edge[of])
        counts[number] = np.bincount(at, weights=values.n[mine], minlength=counts.shape[1])
    return counts.reshape(len(limits), -1, 2).swapaxes(0, 1)
