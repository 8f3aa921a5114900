"""Watched fields of counts saved while a policy watched other fields: each moves to its present place.

The counts of a field under a model and a profile do not depend on what else is watched. A new field has no saved
counts; what the first panes have of it before their shard counted it in full is left out.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.monitors import Watched, WatchedColumn
from operators.window.partial import Partial, feature_rows

NEW = -1  # Stands for the place of a field or bin that did not exist.


class Moves(NamedTuple):
    """The former places of watched fields: `fields` (F,) by field, `bins` (W,) by bin of the whole layout; or NEW."""

    fields: Ints
    bins: Ints

    @property
    def to(self) -> dict[int, int]:
        """The present number of each field, by its former one."""
        return {was: at for at, was in enumerate(self.fields.tolist()) if was != NEW}


def moves(before: Sequence[WatchedColumn], now: Sequence[WatchedColumn]) -> Moves:
    """Return the former places of the present fields.

    >>> age, amount = (WatchedColumn(name, None, "p", 2) for name in ("features.age", "features.amount"))
    >>> [each.tolist() for each in moves([age], [amount, age])]
    [[-1, 0], [-1, -1, 0, 1]]
    """
    offsets = [0, *accumulate(each.bins for each in before)]
    was = {each: at for at, each in enumerate(before)}
    fields = np.array([was.get(each, NEW) for each in now], np.int64)
    bins = [
        np.full(each.bins, NEW) if each not in was else np.arange(offsets[was[each]], offsets[was[each]] + each.bins)
        for each in now
    ]
    return Moves(fields, np.concatenate([np.zeros(0, np.int64), *bins]))


def moved_columns(values: NDArray[Any], places: Ints, fill: float = 0) -> NDArray[Any]:
    """Return values (R, K, ...) with the columns that were at these places; `fill` where they are NEW."""
    out = np.full((len(values), len(places), *values.shape[2:]), fill, values.dtype)
    there = places != NEW
    out[:, there] = values[:, places[there]]
    return out


def rewatched(part: Partial, before: Sequence[WatchedColumn], now: Sequence[WatchedColumn]) -> Partial:
    """Return a partial that was counted while other fields were watched, laid out for the present ones."""
    if tuple(before) == tuple(now):
        return part
    to = moves(before, now)
    new_bin = np.full(max(part.bins, 1), NEW)
    new_bin[to.bins[to.bins != NEW]] = np.flatnonzero(to.bins != NEW)
    row, bin_, n = feature_rows(part)
    there = new_bin[bin_] != NEW
    keys = row[there] * len(to.bins) + new_bin[bin_][there]
    order = np.argsort(keys, kind="stable")
    fields = to.to
    return msgspec.structs.replace(
        part,
        bins=len(to.bins),
        features=np.column_stack((keys, n[there]))[order],
        moments=moved_columns(part.moments, to.fields),
        ranges=moved_columns(part.ranges, to.fields, -np.inf),
        offenders=[
            (row, offender._replace(watched=fields[offender.watched]))
            for row, offender in part.offenders
            if offender.watched in fields
        ],
    )


def watched_from(part: Partial, watched: Sequence[Watched], begins: Mapping[int, int]) -> Partial:
    """Return a partial without the counts of watched fields in panes before these began."""
    for pane in sorted(set(begins.values())):
        early = part.pane < pane
        if not early.any():
            continue
        new = [field for field, first in begins.items() if first == pane]
        ours = np.zeros(max(part.bins, 1), bool)
        for field in new:
            ours[watched[field].offset : watched[field].offset + watched[field].bins] = True
        row, bin_, _ = feature_rows(part)
        moments, ranges = part.moments.copy(), part.ranges.copy()
        at = np.ix_(np.flatnonzero(early), np.array(new, np.int64))
        moments[at], ranges[at] = 0, -np.inf
        part = msgspec.structs.replace(
            part,
            features=part.features[~(early[row] & ours[bin_])],
            moments=moments,
            ranges=ranges,
            offenders=[
                (row, offender) for row, offender in part.offenders if not early[row] or offender.watched not in new
            ],
        )
    return part
