"""Partials one after the other, row by row, without adding anything up: so that their rows are made at once."""

from collections.abc import Sequence
from itertools import accumulate, chain

import numpy as np

from operators.arrays import Ints
from operators.window.partial import Partial, cell_width


def stacked_parts(parts: Sequence[Partial]) -> Partial:
    """Return the rows of one or more partials, with what panes of the store hold: not what monitors watch.

    Rows of a series that several of them have stay apart, each with a series and error types of its own.
    """
    if len(parts) == 1:
        return parts[0]
    rows = [0, *accumulate(part.rows for part in parts)]
    series = [0, *accumulate(len(part.series) for part in parts)]
    kinds = [0, *accumulate(len(part.error_types) for part in parts)]
    width = cell_width(parts[0])
    none, count = np.zeros((0, 2), np.int64), rows[-1]
    return Partial(
        series=list(chain.from_iterable(part.series for part in parts)),
        error_types=list(chain.from_iterable(part.error_types for part in parts)),
        which=np.concatenate([part.which + first for part, first in zip(parts, series, strict=False)]),
        pane=np.concatenate([part.pane for part in parts]),
        late=np.concatenate([part.late for part in parts]),
        events=np.concatenate([part.events for part in parts]),
        slis=np.concatenate([part.slis for part in parts]),
        sums=np.concatenate([part.sums for part in parts]),
        extremes=np.concatenate([part.extremes for part in parts]),
        outcomes=np.concatenate(
            [_moved(part.outcomes, (row, kind, 0)) for part, row, kind in zip(parts, rows, kinds, strict=False)]
        ),
        cells=np.concatenate([_moved(part.cells, (row * width, 0)) for part, row in zip(parts, rows, strict=False)]),
        bins=0,
        features=none,
        moments=np.zeros((count, 0, 5), np.int64),
        ranges=np.zeros((count, 0, 2)),
    )


def _moved(counts: Ints, by: tuple[int, ...]) -> Ints:
    return counts + np.array(by, np.int64)
