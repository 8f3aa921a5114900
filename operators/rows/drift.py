"""Findings of monitors as rows of `drift`, `drift_window`, `feature_window` and `profile`."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from operators.drift.results import Drift, FieldCounts, Monitored
from operators.policy.monitors import Watched
from operators.rows.drift_windows import drift_window_rows
from operators.store.rows import Column, Ragged, Rows
from operators.window.series_index import series_columns


def drift_rows(monitored: Monitored, policy: str) -> list[Rows]:
    """Return the rows of a pane; `policy` is the hash of the policy."""
    rows = (
        _drifts(monitored.drifts, policy),
        drift_window_rows(monitored.series, policy),
        *(_windows(window) for window in monitored.windows),
        *(_profile(watched) for watched in monitored.profiles),
    )
    return [some for some in rows if len(some)]


def _drifts(drifts: Sequence[Drift], policy: str) -> Rows:
    columns: dict[str, Column] = {
        **series_columns([drift.series for drift in drifts]),
        "monitor": [drift.monitor for drift in drifts],
        "field": [drift.field for drift in drifts],
        "window_start": [drift.start for drift in drifts],
        "window_end": [drift.end for drift in drifts],
        "axis": [drift.axis for drift in drifts],
        "kind": [drift.kind for drift in drifts],
        "method": [drift.method for drift in drifts],
        "reference": [drift.reference for drift in drifts],
        "verdict": [drift.word for drift in drifts],
    }
    for name in ("score", "threshold", "p", "kl", "jensen_shannon", "expected"):
        columns[name] = np.array([getattr(drift, name) for drift in drifts], float)
    columns |= {
        "n_reference": [drift.n_reference for drift in drifts],
        "n_current": [drift.n_current for drift in drifts],
        "profile": [drift.profile for drift in drifts],
        "detail": [drift.detail for drift in drifts],
        "requests": [msgspec.json.encode(drift.requests).decode() for drift in drifts],
        "policy": [policy for _ in drifts],
        "ver": [1 for _ in drifts],
    }
    return Rows(table="drift", columns=columns)


def _windows(window: FieldCounts) -> Rows:
    rows, bins = window.counts.shape
    totals = window.counts.sum(axis=1)
    return Rows(
        table="feature_window",
        columns={
            **series_columns(window.names),
            "field": [window.watched.name] * rows,
            "profile": [window.watched.profile] * rows,
            "window_start": np.full(rows, window.start),
            "window_end": np.full(rows, window.end),
            "counts": Ragged(flat=window.counts.ravel(), offsets=np.arange(rows + 1) * bins),
            "n": window.n,
            "mean": window.mean,
            "sd": window.sd,
            "low": window.low,
            "high": window.high,
            "ver": totals,
        },
    )


def _profile(watched: Watched) -> Rows:
    field = watched.field
    if field is None:
        raise ValueError(f"{watched.name} has no bins")
    bins = list(_bins(watched))
    return Rows(
        table="profile",
        columns={
            "profile": [watched.profile] * len(bins),
            "field": [watched.name] * len(bins),
            "bin": np.arange(1, len(bins) + 1),
            "label": [label for label, _, _ in bins],
            "low": np.array([low for _, low, _ in bins], float),
            "high": np.array([high for _, _, high in bins], float),
            "n": list(field.counts),
            "ver": [1] * len(bins),
        },
    )


def _bins(watched: Watched) -> Iterator[tuple[str, float | None, float | None]]:
    """Return label, lower and upper edge of each bin, None where it has none."""
    field = watched.field
    if field is None:
        return
    if field.kind == "number":
        edges = (None, *field.edges, None)
        for low, high in pairwise(edges):
            yield _range(low, high), low, high
    else:
        for category in field.categories:
            yield category, None, None
    yield "(missing)", None, None
    yield "(unseen)", None, None


def _range(low: float | None, high: float | None) -> str:
    """Return the name of a bin low <= x < high.

    >>> _range(None, 0.5), _range(0.5, 2.0), _range(2.0, None), _range(None, None)
    ('< 0.5', '0.5 .. 2', '>= 2', 'any')
    """
    if low is None:
        return "any" if high is None else f"< {high:g}"
    return f">= {low:g}" if high is None else f"{low:g} .. {high:g}"
