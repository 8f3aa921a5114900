"""A window that ended as rows of sli_window, measure_window and outcome_window: one per stored series and name."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from operators.arrays import Floats, Ints, concatenated
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.rows.panes import means
from operators.rows.small import small_together
from operators.rows.stacked_windows import StackedWindows, stacked
from operators.store.rows import Coded, Column, Rows
from operators.window.pane_items import Closed
from operators.window.partial import BAD, GOOD, MAX, N
from operators.window.picked import pick
from operators.window.series_index import series_columns
from operators.window.sliding import WindowCounts

SeriesColumns = Mapping[str, Sequence[Any]]  # The series columns, by name.
# By window, the rows of later windows with the same contents; they are freed with it.
_AGAIN: WeakKeyDictionary[WindowCounts, list[Rows]] = WeakKeyDictionary()
Z = NormalDist().inv_cdf(0.975)  # For bounds of the middle 95 %.


def window_rows(counts: WindowCounts, policy: Policy, closed: Closed | None = None) -> list[Rows]:
    """Return the rows of one window; a series without values of a measure gets no row for it.

    `closed`, the pane that it ends with, tells which SLIs and dimensions began later than others.
    """
    if counts.again is None or (closed is not None and _is_partial(counts.again, closed, policy)):
        return _rows_of(stacked([(counts, closed)]), policy)
    before = _AGAIN.get(counts.again)
    if before is None:
        before = _AGAIN[counts.again] = _rows_of(stacked([(counts.again, closed)]), policy)
    end_ms, size_ms = np.array([counts.end_ms]), np.array([counts.window.size_ms])
    return [
        msgspec.structs.replace(some, columns={**some.columns, **_ends(end_ms, size_ms, np.zeros(len(some), np.int64))})
        for some in before
    ]


def rows_of_windows(ended: Sequence[tuple[WindowCounts, Closed]], policy: Policy) -> list[Rows]:
    """Return what `window_rows` does of each window; rows of neighbouring small windows are made at once."""
    rows: list[Rows] = []
    for some in small_together(ended, lambda each: len(each[0].names)):
        (counts, closed), *more = some
        rows += _rows_of(stacked(some), policy) if more else window_rows(counts, policy, closed)
    return rows


def _rows_of(ended: StackedWindows, policy: Policy) -> list[Rows]:
    series = series_columns(pick(ended.names, ended.stored))
    rows = (_sli_rows(ended, series, policy), _measure_rows(ended, series, policy), _outcome_rows(ended))
    return [some for some in rows if len(some)]


def _sli_rows(counts: StackedWindows, series: SeriesColumns, policy: Policy) -> Rows:
    good_or_bad = counts.slis[:, :, GOOD] + counts.slis[:, :, BAD]
    at, sli = np.nonzero(good_or_bad[counts.stored])
    row = counts.stored[at]
    good, bad = counts.slis[row, sli, GOOD], counts.slis[row, sli, BAD]
    lower, upper = wilson(good, good + bad)
    return Rows(
        table="sli_window",
        columns=_keys(counts, series, at)
        | {
            "sli": Coded(values=[known.name for known in policy.slis], codes=sli),
            "good": good,
            "bad": bad,
            "ratio": good / (good + bad),
            "lower": lower,
            "upper": upper,
            "coverage": _coverage(counts, policy)[row, sli],
            "ver": good + bad,
        },
    )


def _coverage(ended: StackedWindows, policy: Policy) -> Floats:
    """Return, by series and SLI, the share of the window in which the SLI was counted, (W, S)."""
    if not any(closed is not None and _is_partial(counts, closed, policy) for counts, closed in ended.windows):
        return np.ones((len(ended.names), len(policy.slis)))
    coverage = [
        np.ones((len(counts.names), len(policy.slis))) if closed is None else _counted(counts, closed, policy)
        for counts, closed in ended.windows
    ]
    return concatenated(coverage)


def _is_partial(counts: WindowCounts, closed: Closed, policy: Policy) -> bool:
    """Tell whether something in a window may have been counted only in a part of it."""
    begin_ms = counts.end_ms - counts.window.size_ms
    return bool(closed.begins or closed.sliced) or closed.held * policy.pane_ms > begin_ms


def _counted(counts: WindowCounts, closed: Closed, policy: Policy) -> Floats:
    def since(pane: int) -> float:
        return min(1.0, max(0.0, (counts.end_ms - pane * policy.pane_ms) / counts.window.size_ms))

    coverage = np.full((len(counts.names), len(policy.slis)), since(closed.held))
    for sli, pane in closed.begins.items():
        coverage[:, sli] = np.minimum(coverage[:, sli], since(pane))
    for dimension, pane in closed.sliced.items():
        sliced = np.array([policy.dimensions[dimension] in name.dims for name in counts.names], bool)
        coverage[sliced] = np.minimum(coverage[sliced], since(pane))
    return coverage


def _measure_rows(counts: StackedWindows, series: SeriesColumns, policy: Policy) -> Rows:
    at, measure = np.nonzero(counts.sums[:, :, N][counts.stored])
    row = counts.stored[at]
    n = counts.sums[row, measure, N]
    quantiles = counts.quantiles[row, measure]
    return Rows(
        table="measure_window",
        columns=_keys(counts, series, at)
        | {
            "measure": Coded(values=[known.name for known in policy.measures], codes=measure),
            "n": n,
            "mean": means(counts.sums, policy)[row, measure],
        }
        | {name: quantiles[:, index] for index, name in enumerate(QUANTILES)}
        | {"max": counts.extremes[row, measure, MAX], "ver": n},
    )


def _outcome_rows(counts: StackedWindows) -> Rows:
    outcomes = counts.outcomes
    series, row = series_columns(outcomes.names), np.arange(len(outcomes.names))
    return Rows(
        table="outcome_window",
        columns=_series_and_window(counts, series, row, counts.of_outcomes)
        | {
            "requests": outcomes.requests,
            "error_types": [list(errors) for errors in outcomes.errors],
            "errors": [list(errors.values()) for errors in outcomes.errors],
            "ver": outcomes.requests,
        },
    )


def _keys(counts: StackedWindows, series: SeriesColumns, at: Ints) -> dict[str, Column]:
    """Return the columns for the series and window of rows; `at` are their places among the stored ones."""
    return _series_and_window(counts, series, at, counts.of[counts.stored[at]])


def _series_and_window(counts: StackedWindows, series: SeriesColumns, row: Ints, of: Ints) -> dict[str, Column]:
    """Return the columns for the series and window of rows; `of` has the number of the window of each."""
    named: dict[str, Column] = {name: Coded(values=values, codes=row) for name, values in series.items()}
    return named | {
        "kind": Coded(values=[each.window.kind for each, _ in counts.windows], codes=of),
        "size_ms": counts.sizes_ms[of],
        **_ends(counts.ends_ms, counts.sizes_ms, of),
    }


def _ends(ends_ms: Ints, sizes_ms: Ints, of: Ints) -> dict[str, Column]:
    """Return the columns for the times of windows; `of` has the number of the window of each row."""
    return {"window_start": (ends_ms - sizes_ms)[of], "window_end": ends_ms[of]}


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
