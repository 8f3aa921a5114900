"""Partials concatenated without adding anything up, so that their rows are made at once."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from operators.arrays import Ints
from operators.window.partial import Partial, cell_width


def stacked_parts(parts: Sequence[Partial]) -> Partial:
    """Return the rows of one or more partials, with all that panes of the store hold, so without watched fields.

    Rows of a series that several partials have stay apart, each with its own entry of series and error types.
    """
    if len(parts) == 1:
        return parts[0]
    rows = [part.rows for part in parts]
    width = cell_width(parts[0])
    first = _before(rows)
    none, count = np.zeros((0, 2), np.int64), sum(rows)
    return Partial(
        series=list(chain.from_iterable(part.series for part in parts)),
        error_types=list(chain.from_iterable(part.error_types for part in parts)),
        which=np.concatenate([part.which for part in parts])
        + np.repeat(_before([len(part.series) for part in parts]), rows),
        pane=np.concatenate([part.pane for part in parts]),
        late=np.concatenate([part.late for part in parts]),
        events=np.concatenate([part.events for part in parts]),
        slis=np.concatenate([part.slis for part in parts]),
        sums=np.concatenate([part.sums for part in parts]),
        extremes=np.concatenate([part.extremes for part in parts]),
        outcomes=_moved([part.outcomes for part in parts], first, _before([len(part.error_types) for part in parts])),
        cells=_moved([part.cells for part in parts], first * width),
        bins=0,
        features=none,
        moments=np.zeros((count, 0, 5), np.int64),
        ranges=np.zeros((count, 0, 2)),
    )


def _before(numbers: Sequence[int]) -> Ints:
    """Return the sum of the numbers before each."""
    return np.cumsum([0, *numbers[:-1]])


def _moved(counts: Sequence[Ints], *by: Ints) -> Ints:
    """Return concatenated sparse counts; each part has its own value of `by` added to its first columns."""
    every, lengths = np.concatenate(counts), [len(each) for each in counts]
    for column, moved in enumerate(by):
        every[:, column] += np.repeat(moved, lengths)
    return every
