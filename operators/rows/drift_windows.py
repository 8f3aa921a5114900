"""Findings of monitors by series and window as rows of `drift_window`: counts, the worst, and what is unchanged."""

import math
from collections import Counter
from collections.abc import Sequence

from operators.drift.results import SeriesWindow
from operators.store.rows import Rows, same
from operators.window.series_index import series_columns


def drift_window_rows(windows: Sequence[SeriesWindow], policy: str) -> Rows:
    """Return a row for each; `policy` is the hash of the policy."""
    first = [window.found[0] for window in windows]  # It has what all findings of a window share.
    words = [Counter(drift.word for drift in window.found) for window in windows]
    worst = [max(window.found, key=lambda drift: drift.excess) for window in windows]
    return Rows(
        table="drift_window",
        columns={
            **series_columns([drift.series for drift in first]),
            "monitor": [drift.monitor for drift in first],
            "window_start": [drift.start for drift in first],
            "window_end": [drift.end for drift in first],
            "method": [drift.method for drift in first],
            "reference": [drift.reference for drift in first],
            "ok": [each["OK"] for each in words],
            "bad": [each["BAD"] for each in words],
            "insufficient": [each["INSUFFICIENT"] for each in words],
            "worst_field": [drift.field for drift in worst],
            "worst": [_known(drift.score) for drift in worst],
            "worst_threshold": [_known(drift.threshold) for drift in worst],
            "fields": [[drift.field for drift in window.unchanged] for window in windows],
            "verdicts": [[drift.word for drift in window.unchanged] for window in windows],
            "scores": [[_known(drift.score) for drift in window.unchanged] for window in windows],
            "thresholds": [[_known(drift.threshold) for drift in window.unchanged] for window in windows],
            "sizes": [[drift.n_current for drift in window.unchanged] for window in windows],
            "policy": same(policy, len(windows)),
            "ver": same(1, len(windows)),
        },
    )


def _known(number: float | None) -> float | None:
    """Return a number, None for NaN, as the table has it."""
    return None if number is None or math.isnan(number) else number
