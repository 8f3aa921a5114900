"""Partials of a pane added up; free where there is only one, as in nearly all panes of a log with few events."""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.window.leaf_index import NumberedSeries, are_of
from operators.window.merging import merge
from operators.window.partial import OTHER, Partial, keep_first


def together(parts: Sequence[Partial]) -> Partial:
    """Return what `merge` does: a single partial with nothing to be added up or put in order is returned as it is."""
    if len(parts) > 1 or not _is_merged(parts[0]):
        return merge(parts)
    (part,) = parts
    if not isinstance(part.error_types, list):
        part = msgspec.structs.replace(part, error_types=list(part.error_types))
    return keep_first(part)


def _is_merged(part: Partial) -> bool:
    """Tell whether rows, series and sparse counts are as merging would leave them, and there are no chains to merge."""
    series = part.series
    if part.chains is not None or not part.rows or not isinstance(series, NumberedSeries):
        return False
    if part.rows == 1 == len(series):
        if series[0].model == OTHER:
            return False
    elif are_of(series, OTHER).any() or not _is_ordered(part, series):
        return False
    sparse = (part.cells, part.features, part.ages, part.users)
    return _rise(part.outcomes[:, 0], part.outcomes[:, 1]) and all(
        _rise(counts[:, 0]) for counts in sparse if len(counts) > 1
    )


def _is_ordered(part: Partial, series: NumberedSeries) -> bool:
    """Tell whether each series occurs once and has a row, and rows are in order."""
    return (
        len(set(series.rows.tolist())) == len(series)
        and bool(np.bincount(part.which, minlength=len(series)).all())
        and _rise(part.late, part.pane, part.which)
    )


def _rise(*columns: Ints) -> bool:
    """Tell whether each row is greater than the one before it, the first column being the most significant."""
    if len(columns[0]) < 2:
        return True
    least = columns[-1][1:] > columns[-1][:-1]
    for column in reversed(columns[:-1]):
        least = (column[1:] > column[:-1]) | ((column[1:] == column[:-1]) & least)
    return bool(least.all())
