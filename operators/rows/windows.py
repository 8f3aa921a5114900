"""A window that ended as rows of sli_window, measure_window and outcome_window: one per stored series and name."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.rows.panes import means
from operators.store.rows import Coded, Column, Rows
from operators.window.outcomes import Outcomes
from operators.window.panes import Closed
from operators.window.partial import BAD, GOOD, MAX, N
from operators.window.series_index import series_columns
from operators.window.sliding import WindowCounts

SeriesColumns = Mapping[str, Sequence[Any]]  # What the series columns hold, by name of the column.
# By a window, the rows of those that ended after it with the same in them; they go with it.
_AGAIN: WeakKeyDictionary[WindowCounts, list[Rows]] = WeakKeyDictionary()
Z = NormalDist().inv_cdf(0.975)  # Bounds of the middle 95 %.


def window_rows(counts: WindowCounts, policy: Policy, closed: Closed | None = None) -> list[Rows]:
    """Return the rows of one window; a series without values of a name gets none of it.

    `closed`, the pane that it ends with, says which SLIs and dimensions began while others were counted.
    """
    if counts.again is None or (closed is not None and (closed.begins or closed.sliced)):
        return _rows_of(counts, policy, closed)
    before = _AGAIN.get(counts.again)
    if before is None:
        before = _AGAIN[counts.again] = _rows_of(counts.again, policy, closed)
    return [msgspec.structs.replace(some, columns={**some.columns, **_ends(counts, len(some))}) for some in before]


def _rows_of(counts: WindowCounts, policy: Policy, closed: Closed | None) -> list[Rows]:
    series = series_columns(counts.names)
    rows = [_sli_rows(counts, series, policy, closed), _measure_rows(counts, series, policy)]
    if counts.outcomes is not None:
        rows.append(_outcome_rows(counts, counts.outcomes))
    return [some for some in rows if len(some)]


def _sli_rows(counts: WindowCounts, series: SeriesColumns, policy: Policy, closed: Closed | None) -> Rows:
    good_or_bad = counts.slis[:, :, GOOD] + counts.slis[:, :, BAD]
    row, sli = _stored(counts, good_or_bad)
    good, bad = counts.slis[row, sli, GOOD], counts.slis[row, sli, BAD]
    lower, upper = wilson(good, good + bad)
    return Rows(
        table="sli_window",
        columns=_keys(counts, series, row)
        | {
            "sli": Coded(values=[known.name for known in policy.slis], codes=sli),
            "good": good,
            "bad": bad,
            "ratio": good / (good + bad),
            "lower": lower,
            "upper": upper,
            "coverage": _coverage(counts, closed, policy)[row, sli],
            "ver": good + bad,
        },
    )


def _coverage(counts: WindowCounts, closed: Closed | None, policy: Policy) -> Floats:
    """Return by series and SLI the share of the window in which it was counted, (W, S)."""
    coverage = np.ones((len(counts.names), len(policy.slis)))
    if closed is None:
        return coverage

    def since(pane: int) -> float:
        return min(1.0, max(0.0, (counts.end_ms - pane * policy.pane_ms) / counts.window.size_ms))

    for sli, pane in closed.begins.items():
        coverage[:, sli] = since(pane)
    for dimension, pane in closed.sliced.items():
        sliced = np.array([policy.dimensions[dimension] in name.dims for name in counts.names], bool)
        coverage[sliced] = np.minimum(coverage[sliced], since(pane))
    return np.minimum(coverage, since(closed.held))


def _measure_rows(counts: WindowCounts, series: SeriesColumns, policy: Policy) -> Rows:
    row, measure = _stored(counts, counts.sums[:, :, N])
    n = counts.sums[row, measure, N]
    quantiles = counts.quantiles[row, measure]
    return Rows(
        table="measure_window",
        columns=_keys(counts, series, row)
        | {
            "measure": Coded(values=[known.name for known in policy.measures], codes=measure),
            "n": n,
            "mean": means(counts.sums, policy)[row, measure],
        }
        | {name: quantiles[:, index] for index, name in enumerate(QUANTILES)}
        | {"max": counts.extremes[row, measure, MAX], "ver": n},
    )


def _stored(counts: WindowCounts, values: Ints) -> tuple[Ints, Ints]:
    """Return row and column of what is to be stored of `values` (W, ...): what is not zero."""
    if counts.stored is None:
        return np.nonzero(values)  # type: ignore[return-value]  # Of two dimensions.
    row, column = np.nonzero(values[counts.stored])
    return counts.stored[row], column


def _outcome_rows(counts: WindowCounts, outcomes: Outcomes) -> Rows:
    return Rows(
        table="outcome_window",
        columns=_keys(counts, series_columns(outcomes.names), np.arange(len(outcomes.names)))
        | {
            "requests": outcomes.requests,
            "error_types": [list(errors) for errors in outcomes.errors],
            "errors": [list(errors.values()) for errors in outcomes.errors],
            "ver": outcomes.requests,
        },
    )


def _keys(counts: WindowCounts, series: SeriesColumns, row: Ints) -> dict[str, Column]:
    size = len(row)
    named: dict[str, Column] = {name: Coded(values=values, codes=row) for name, values in series.items()}
    return named | {
        "kind": Coded(values=[counts.window.kind], codes=np.zeros(size, np.int64)),
        "size_ms": np.full(size, counts.window.size_ms),
        **_ends(counts, size),
    }


def _ends(counts: WindowCounts, size: int) -> dict[str, Column]:
    """Return the columns that say where the window lies."""
    return {
        "window_start": np.full(size, counts.end_ms - counts.window.size_ms),
        "window_end": np.full(size, counts.end_ms),
    }


def wilson(good: Ints, n: Ints) -> tuple[Floats, Floats]:
    """Return the 95 % score interval of good / n, each (K,); for display only, not under repeated looks.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22, p. 209.

    >>> lower, upper = wilson(np.array([18]), np.array([20]))
    >>> round(float(lower[0]), 4), round(float(upper[0]), 4)
    (0.699, 0.9721)
    """
    share = good / n
    denominator = 1 + Z**2 / n
    middle = (share + Z**2 / (2 * n)) / denominator
    half = Z / denominator * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n.astype(float) ** 2))
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
