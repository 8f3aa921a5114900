"""The one merge of partial aggregates: the result does not depend on the order of merging."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, runs_of
from operators.fast import loading
from operators.stats.design_effect import BUCKETS
from operators.window.chains import merge_chains
from operators.window.label_ages import width
from operators.window.leaf_index import LeafSeries, NumberedSeries, are_of, united
from operators.window.partial import OTHER, Partial, cell_width, keep_first
from operators.window.sums import sum_by_key

T = TypeVar("T")
WIDTH_MAX = 1 << 20  # Up to this width of sparse counts kernels keep an array with a place for each.


def merge(parts: Sequence[Partial], rename: Mapping[LeafSeries, LeafSeries] | None = None) -> Partial:
    """Add up one or more partials of one policy, row by row of equal (late, pane, series).

    `rename` first maps series to others (those past a limit to `__other__`). Rows come out ordered by
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
    """Return sums, or maxima, of groups of rows: in `order` (rows,) each group begins at its `starts` (groups,)."""
    if not len(starts):
        return values
    if highest:  # Between zeros of either sign NumPy chooses differently from the kernel for slices.
        return np.asarray(np.maximum.reduceat(values[order], starts, axis=0))
    if (kernels := loading.kernels()) is None:
        return np.asarray(np.add.reduceat(values[order], starts, axis=0))
    of_kernels: NDArray[Any] = kernels.summed_groups(order, starts, values)
    return of_kernels


def _rest_last(series: NumberedSeries, which: Ints) -> tuple[NumberedSeries, Ints]:
    """Number the series of models past the limit after all others."""
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


def _merge_keyed(parts: Sequence[Partial], name: str, width: int, groups: tuple[Ints, Ints, Ints]) -> Ints:
    """Merge sparse counts (K, 2) of row * width + place, and n.

    `groups` are the new row of every row, the rows in order of their new ones, and where in that each new row begins.
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


def _moved(parts: Sequence[tuple[Sequence[tuple[int, T]], int]], row_of: Ints) -> list[tuple[int, T]]:
    """Return what parts have by row, by merged row; each part comes with its number of rows."""
    moved: list[tuple[int, T]] = []
    shift = 0
    for some, rows in parts:
        if some:
            to = row_of[np.array([row for row, _ in some], np.int64) + shift].tolist()
            moved += [(row, each) for row, (_, each) in zip(to, some, strict=True)]
        shift += rows
    return moved
