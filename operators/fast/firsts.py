"""Which rows have one of the first times of their group, where these are few: two passes instead of a sort."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel

LAST = np.iinfo(np.int64).max


@inlined
def keep_time(time: int, group: int, least: Ints) -> None:
    """Take a time into the least of a group, which are in order and differ."""
    place = least.shape[1] - 1
    if time >= least[group, place]:
        return
    while place > 0 and least[group, place - 1] > time:
        place -= 1
    if place > 0 and least[group, place - 1] == time:
        return
    for at in range(least.shape[1] - 1, place, -1):
        least[group, at] = least[group, at - 1]
    least[group, place] = time


@kernel
def find_first(marked: NDArray[np.bool_], groups: Ints, times: Ints, least: Ints, rows: Ints) -> int:
    """Write which marked rows have one of the first times of their group, in order; return how many.

    `least` (groups, times) is room for these times, LAST where there are none yet.
    """
    for row in range(len(marked)):
        if marked[row]:
            keep_time(times[row], groups[row], least)
    found = 0
    for row in range(len(marked)):
        if marked[row] and times[row] <= least[groups[row], least.shape[1] - 1]:
            rows[found] = row
            found += 1
    return found


def first_in_groups(marked: NDArray[np.bool_], groups: Ints, count: int, times: Ints, most: int) -> Ints:
    """Return the marked rows whose time is one of the first `most` of their group, which are 0 .. `count` - 1."""
    rows = np.empty(len(marked), np.int64)
    found = find_first(marked, groups, times, np.full((count, most), LAST), rows)
    return rows[:found].copy()
