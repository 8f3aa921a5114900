"""Sums, extremes and histogram cells of measures, group by group: by compiled kernels where they are, else by NumPy."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from operators.arrays import Floats, Ints, order_by
from operators.fast import loading
from operators.ingest.columns import Columns
from operators.ingest.watched_counts import Runs
from operators.policy.measures import Measure
from operators.stats import histogram
from operators.stats.histogram import CODE_BITS, CODE_MIN, codes_of
from operators.window.sums import split_limbs, sum_by_key


def measured(columns: Columns, measures: Sequence[Measure], groups: Runs) -> tuple[Ints, Floats, Ints]:
    """Return sums (G, M, 3), extremes (G, M, 2) and histogram cells of all groups and measures."""
    kernels = loading.kernels()
    if kernels is None or not any(measure.name in columns.numbers for measure in measures):
        return _by_numpy(columns, measures, groups)
    none = np.full(len(groups.order), np.nan)  # For a measure on items of another stream.
    found: tuple[Ints, Floats, Ints] = kernels.measured_groups(
        [columns.numbers.get(measure.name, none) for measure in measures],
        [10.0**measure.digits for measure in measures],
        groups.order,
        groups.starts,
        CODE_BITS,
        _buckets(kernels),
    )
    return found


@cache
def _buckets(kernels: Any) -> Any:
    codes = (histogram.B_MIN, histogram.ZERO, histogram.NEGATIVE, CODE_MIN)
    return kernels.histogram_buckets(histogram.EDGES, histogram.MAGNITUDE_MIN, histogram.MAGNITUDE_MAX, codes)


def _by_numpy(columns: Columns, measures: Sequence[Measure], groups: Runs) -> tuple[Ints, Floats, Ints]:
    sums = np.zeros((len(groups.starts), len(measures), 3), np.int64)
    extremes = np.full((len(groups.starts), len(measures), 2), -np.inf)
    cells = [np.zeros((0, 2), np.int64)]
    for index, measure in enumerate(measures):
        column = columns.numbers.get(measure.name)
        if column is None:
            continue
        values = column[groups.order]
        present = ~np.isnan(values)
        fixed = np.rint(np.where(present, values, 0.0) * 10.0**measure.digits).astype(np.int64)
        for part, limb in enumerate((present, *split_limbs(fixed))):
            sums[:, index, part] = np.add.reduceat(limb, groups.starts, dtype=np.int64)
        for part, signed in enumerate((-values, values)):
            extremes[:, index, part] = np.fmax.reduceat(signed, groups.starts)
        rows, codes, counts = _count_codes(groups.of[present], codes_of(values[present]))
        keys = (rows * len(measures) + index) << CODE_BITS | (codes - CODE_MIN)
        cells.append(np.column_stack((keys, counts)))
    extremes[np.isnan(extremes)] = -np.inf
    every = np.concatenate(cells)
    return sums, extremes, every[order_by(every[:, 0])]


def _count_codes(rows: Ints, codes: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the distinct (row, code), and how many values have each."""
    low = int(codes.min(initial=0))
    width = int(codes.max(initial=0)) - low + 1
    keys, counts = sum_by_key(rows * width + (codes - low))
    return keys // width, keys % width + low, counts
