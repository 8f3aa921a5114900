"""Rows of counts added up to slices: which rows belong together, and their sums."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.compiled import inlined, kernel

Numbers = NDArray[np.int64]


@kernel
def group_rows(parents: Ints, room: Ints, slots: Ints, starts: Ints, source: Ints) -> int:
    """Write how rows add up to the slots that they count into, `parents` (rows, grains), -1 for none.

    `slots` are those with rows, rising; the row numbers of each begin at `starts` of `source`, followed by the end of
    the last ones. `room` (all slots,) is 0. Return the number of slots with rows.
    """
    for row in range(parents.shape[0]):
        for grain in range(parents.shape[1]):
            if parents[row, grain] >= 0:
                room[parents[row, grain]] += 1
    groups, at = 0, 0
    for slot in range(len(room)):
        if room[slot]:
            slots[groups], starts[groups] = slot, at
            at += room[slot]
            room[slot] = starts[groups]
            groups += 1
    starts[groups] = at
    for row in range(parents.shape[0]):
        for grain in range(parents.shape[1]):
            if parents[row, grain] >= 0:
                source[room[parents[row, grain]]] = row
                room[parents[row, grain]] += 1
    return groups


@inlined
def add_row(values: Numbers, row: int, sums: Numbers, group: int) -> None:
    """Add a row of (rows, C) to one of (groups, C)."""
    for column in range(values.shape[1]):
        sums[group, column] += values[row, column]


@kernel
def add_groups(source: Ints, starts: Ints, values: Numbers, sums: Numbers) -> None:
    """Add up the rows of groups, which follow each other in `source`; `sums` (groups, C)."""
    for group in range(len(starts)):
        for column in range(sums.shape[1]):
            sums[group, column] = 0
        for at in range(starts[group], starts[group + 1] if group + 1 < len(starts) else len(source)):
            add_row(values, source[at], sums, group)


@kernel
def raise_groups(source: Ints, starts: Ints, values: Floats, maxima: Floats) -> None:
    """Write the maxima of the rows of groups, which start as for `add_groups`; `maxima` (groups, C) are -inf."""
    for group in range(len(starts)):
        for at in range(starts[group], starts[group + 1] if group + 1 < len(starts) else len(source)):
            for column in range(values.shape[1]):
                if not maxima[group, column] >= values[source[at], column]:
                    maxima[group, column] = values[source[at], column]


@kernel
def count_slots(slots: Ints, values: Numbers, totals: Numbers, sign: int) -> None:
    """Add rows (W, C) to those of their distinct slots, or with a `sign` of -1 subtract them."""
    for row in range(len(slots)):
        for column in range(values.shape[1]):
            totals[slots[row], column] += sign * values[row, column]
