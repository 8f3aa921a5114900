"""Windows concatenated into one with the rows of all, so that their rows are made at once.

A window of a few series costs as much as its columns, however few rows these have.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec
import numpy as np

from operators.arrays import Floats, Ints, concatenated
from operators.window.outcomes import Outcomes
from operators.window.pane_items import Closed
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts


class StackedWindows(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of K `windows`, each with the pane that it ended with; columns as in `WindowCounts`.

    `of` (W,) is the number of the window of each row, `of_outcomes` that of each row of `outcomes`; `ends_ms` and
    `sizes_ms` (K,) are those of the windows.
    """

    windows: Sequence[tuple[WindowCounts, Closed | None]]
    of: Ints
    ends_ms: Ints
    sizes_ms: Ints
    names: Sequence[SliceSeries]
    slis: Ints
    sums: Ints
    extremes: Floats
    quantiles: Floats
    stored: Ints
    outcomes: Outcomes
    of_outcomes: Ints


def stacked(windows: Sequence[tuple[WindowCounts, Closed | None]]) -> StackedWindows:
    """Return one or more windows as one."""
    all_of = [counts for counts, _ in windows]
    rows = [len(counts.names) for counts in all_of]
    firsts = np.cumsum([0, *rows]).tolist()
    known = [(number, counts.outcomes) for number, counts in enumerate(all_of) if counts.outcomes is not None]
    requests = [np.zeros(0, np.int64), *(outcomes.requests for _, outcomes in known)]
    stored = [
        np.arange(first, first + many) if counts.stored is None else counts.stored + first
        for counts, first, many in zip(all_of, firsts, rows, strict=False)
    ]
    return StackedWindows(
        windows=windows,
        of=np.repeat(np.arange(len(rows)), rows),
        ends_ms=np.array([counts.end_ms for counts in all_of], np.int64),
        sizes_ms=np.array([counts.window.size_ms for counts in all_of], np.int64),
        names=all_of[0].names if len(all_of) == 1 else list(chain.from_iterable(counts.names for counts in all_of)),
        slis=concatenated([counts.slis for counts in all_of]),
        sums=concatenated([counts.sums for counts in all_of]),
        extremes=concatenated([counts.extremes for counts in all_of]),
        quantiles=concatenated([counts.quantiles for counts in all_of]),
        stored=concatenated(stored),
        outcomes=Outcomes(
            names=list(chain.from_iterable(outcomes.names for _, outcomes in known)),
            requests=np.concatenate(requests),
            errors=list(chain.from_iterable(outcomes.errors for _, outcomes in known)),
        ),
        of_outcomes=np.repeat(
            np.array([number for number, _ in known], np.int64),
            np.array([len(outcomes.names) for _, outcomes in known], np.int64),
        ),
    )
