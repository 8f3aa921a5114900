"""Rows in groups: which have one of the few first times, and how many are of each class."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel


def own(numbers: Ints) -> Ints:
    """Return an array as kernels are compiled for, a copy where it is read-only."""
    return np.require(numbers, np.int64, ["C", "W"])


@inlined
def keep_time(time: int, group: int, least: Ints) -> None:
    """Put a time into the least times of a group, which are distinct and in order."""
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

    `least` (groups, times) has the first times so far, the largest number where there are none yet.
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


def first_in_groups(marked: NDArray[np.bool_], groups: Ints, times: Ints, least: Ints) -> Ints:
    """Return the marked rows with one of the first times of their group, and put these times into `least`.

    `groups` (n,) are row numbers of `least`; its rows have the first times in order, LAST where there are none.
    """
    rows = np.empty(len(marked), np.int64)
    found = find_first(marked, own(groups), own(times), least, rows)
    return rows[:found].copy()


@kernel
def count_classes(classes: Ints, order: Ints, ends: Ints, counts: Ints) -> None:
    """Add to `counts` (groups, classes) the rows of groups, given in `order`; `ends` are the ends of groups in that."""
    start = 0
    for group in range(len(ends)):
        for place in range(start, ends[group]):
            counts[group, classes[order[place]]] += 1
        start = ends[group]


def counted_classes(classes: Ints, order: Ints, starts: Ints, kinds: int) -> Ints:
    """Return the number of rows by group and class, of `kinds` classes; groups are as `groups_of` gives them."""
    counts = np.zeros((len(starts), kinds), np.int64)
    count_classes(own(classes), own(order), np.append(starts[1:], len(order)), counts)
    return counts
