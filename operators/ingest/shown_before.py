"""What a partition has already shown of each pane: a request that adds nothing to earlier ones is not looked at.

Of each pane, model and version the first requests that an SLI calls bad are kept, and the first that tells what the
version is made of (`operators/window/samples.py`), so requests that come later in log and time are not among them.
Nothing is saved: requests shown twice are merged.
"""

from collections.abc import Sequence
from itertools import count

import numpy as np

from operators.arrays import Ints, packed_columns, runs_of
from operators.fast import loading
from operators.stats.multiple_testing import Bools
from operators.window.samples import FAILING_MAX, LINEAGE, LINEAGE_MAX
from operators.window.sums import number_keys

PANES_MAX = 8  # Late requests are never shown, so few panes are open at once.
GROUPS_MIN = 1 << 12  # Fewer panes of versions are not worth forgetting.
GROUPS_MAX = 1 << 17  # With more, nothing is remembered, and requests are looked at needlessly.
LAST = np.iinfo(np.int64).max  # Stands for a time that is still missing.
Group = tuple[int, str, str]  # Pane, model, version.


class ShownBefore:
    """The times of the first requests shown of each pane, model and version, of the newest panes.

    `_row_of` numbers these groups; `_times` (rows, most) has, by SLI or LINEAGE, the first times of each, in order.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._row_of: dict[Group, int] = {}
        self._times: dict[int, Ints] = {}
        self._most = GROUPS_MIN

    def groups(self, panes: Ints, numbers: Sequence[Ints], names: Sequence[list[str]]) -> Ints:
        """Return a number for the pane, model and version of each of the next items, (n,), for `first`.

        `numbers` (n,) of models and versions stand for `names`. The result is valid until the next call.
        """
        if len(self._row_of) > self._most:
            self._forget_early()
        of = _distinct((panes, *numbers))
        some = np.empty(int(of.max(initial=-1)) + 1, np.int64)  # One item for each distinct group.
        some[of] = np.arange(len(of))
        named = [map(each.__getitem__, part[some].tolist()) for part, each in zip(numbers, names, strict=True)]
        row_of = self._row_of
        rows = [row_of.setdefault(group, len(row_of)) for group in zip(panes[some].tolist(), *named, strict=True)]
        groups: Ints = np.array(rows, np.int64)[of]
        return groups

    def first(self, sli: int, marked: Bools, groups: Ints, times: Ints) -> Ints:
        """Return the marked items that are among the first of an SLI, or LINEAGE, and remember them."""
        return among_first(marked, groups, times, self._times_of(sli))

    def _times_of(self, sli: int) -> Ints:
        """Return the first times of an SLI, with a row for each group."""
        most, groups = LINEAGE_MAX if sli == LINEAGE else FAILING_MAX, len(self._row_of)
        known = self._times.get(sli, np.zeros((0, most), np.int64))
        if len(known) < groups:
            self._times[sli] = np.full((max(groups, 2 * len(known)), most), LAST)
            self._times[sli][: len(known)] = known
        return self._times[sli]

    def _forget_early(self) -> None:
        """Forget all but the newest panes."""
        newest = {*sorted({pane for pane, _, _ in self._row_of})[-PANES_MAX:]}
        kept = [group for group in self._row_of if group[0] in newest]
        rows = np.array([self._row_of[group] for group in kept], np.int64)
        times = {sli: self._times_of(sli)[rows] for sli in self._times}
        self._forget()
        if len(kept) <= GROUPS_MAX:
            self._row_of, self._times = dict(zip(kept, count(), strict=False)), times
            self._most = GROUPS_MIN + 2 * len(kept)


def among_first(marked: Bools, groups: Ints, times: Ints, least: Ints) -> Ints:
    """Return the marked rows with one of the first times of their group, and put these times into `least`.

    `groups` (n,) are row numbers of `least`; its rows have the first times in order, LAST where there are none.
    """
    kernels = loading.kernels()
    if kernels is not None:
        found: Ints = kernels.first_in_groups(marked, groups, times, least)
        return found
    rows = np.flatnonzero(marked & (times <= least[groups, -1]))
    of, came = groups[rows], times[rows]
    if least.shape[1] == 1:
        np.minimum.at(least[:, 0], of, came)
    else:
        _take(of, came, least)
    first: Ints = rows[came <= least[of, -1]]
    return first


def _take(of: Ints, times: Ints, least: Ints) -> None:
    """Put times of groups into the first times of these groups."""
    here = np.flatnonzero(np.bincount(of, minlength=len(least)))
    group = np.concatenate((of, np.repeat(here, least.shape[1])))
    time = np.concatenate((times, least[here].ravel()))
    order = np.lexsort((time, group))
    group, time = group[order], time[order]
    begins, new = runs_of(group), runs_of(group, time)
    before: Ints = np.cumsum(new) - new
    nth: Ints = before - before[begins][np.cumsum(begins) - 1]
    kept = new & (nth < least.shape[1])
    least[group[kept], nth[kept]] = time[kept]


def _distinct(columns: Sequence[Ints]) -> Ints:
    """Return the number of each row among the distinct rows, (n,)."""
    of: Ints | None = None
    for numbers, _ in packed_columns(columns):
        _, codes = number_keys(numbers)
        of = codes if of is None else number_keys(of * (int(codes.max()) + 1) + codes)[1]
    return np.zeros(len(columns[0]), np.int64) if of is None else of
