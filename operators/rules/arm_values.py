"""The values of a pane by the versions that are compared, of all releases at once: how many of them exceed limits."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints, nth_of_each
from operators.rules.comparison import Comparison
from operators.rules.exceeding import Exceeding, Limit
from operators.rules.spreads import Spreads
from operators.rules.value_history import BASELINE, CANDIDATE
from operators.stats.histogram import CODE_MIN

NO_LIMIT = CODE_MIN - 1  # Too few values are known yet.


class ArmValues(NamedTuple):
    """Values of candidates and baselines: those of a version once for each release that compares it.

    E finest slices: `row` (E,) is one of the spreads, `arm` (E,) is 2 * the number of the release, plus CANDIDATE or
    BASELINE. C counts `n` of values of a `measure` in bucket `code`, (C,) each; `of` (C,) is the finest slice.
    """

    row: Ints
    arm: Ints
    of: Ints
    measure: Ints
    code: Ints
    n: Ints


def by_arm(spreads: Spreads, releases: Sequence[Comparison], measures: Collection[int]) -> ArmValues:
    """Return the values of some measures that the versions of releases had."""
    arms: dict[tuple[str, str], list[int]] = {}
    for number, release in enumerate(releases):
        arms.setdefault((release.model, release.candidate), []).append(2 * number + CANDIDATE)
        arms.setdefault((release.model, release.baseline), []).append(2 * number + BASELINE)
    here = np.flatnonzero(np.bincount(spreads.version)).tolist()
    compared = [arms.get(spreads.versions[version], ()) for version in here]
    compares, firsts = np.zeros((2, len(spreads.versions)), np.int64)
    compares[here] = [len(each) for each in compared]
    firsts[here] = np.cumsum(compares[here]) - compares[here]
    times = compares[spreads.version]
    row, nth = _repeated(np.arange(len(times)), times)
    arm = np.array([arm for each in compared for arm in each], np.int64)[firsts[spreads.version[row]] + nth]
    some = np.flatnonzero(np.isin(spreads.measure, list(measures)))
    cell, nth = _repeated(some, times[spreads.row[some]])
    return ArmValues(
        row=row,
        arm=arm,
        of=(np.cumsum(times) - times)[spreads.row[cell]] + nth,
        measure=spreads.measure[cell],
        code=spreads.code[cell],
        n=spreads.n[cell],
    )


def _repeated(each: Ints, times: Ints) -> tuple[Ints, Ints]:
    """Return each of some numbers so many times, and which time it is, from 0 on."""
    return np.repeat(each, times), nth_of_each(times)


def exceeding_counts(values: ArmValues, limits: Sequence[Limit], exceeding: Sequence[Exceeding]) -> Ints:
    """Return good and bad values of each finest slice by limit, (E, limits, 2), as it is known of each release."""
    counts = np.zeros((len(limits), 2 * len(values.row)), np.int64)
    for number, limit in enumerate(limits):
        codes = [each.codes.get(number, NO_LIMIT) for each in exceeding]
        edges = np.column_stack(([limit.of_candidate(code) for code in codes], codes)).ravel()[values.arm]
        mine = np.flatnonzero(values.measure == limit.measure)
        mine = mine[edges[values.of[mine]] != NO_LIMIT]
        of = values.of[mine]
        # Sums of whole numbers, exact below 2 ** 53.
        at = 2 * of + (values.code[mine] > edges[of])
        counts[number] = np.bincount(at, weights=values.n[mine], minlength=counts.shape[1])
    return counts.reshape(len(limits), -1, 2).swapaxes(0, 1)
