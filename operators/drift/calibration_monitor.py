"""Calibration at the end of a window: do the labels say that the model is right as often as it is confident?"""

from typing import ClassVar

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.drift.alarm_limit import SHARES, AlarmLimit
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import windows_a_week
from operators.drift.kind import WindowKind
from operators.drift.member import watched_of
from operators.drift.results import Drift
from operators.policy.monitors import CALIBRATION, Watched, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Confidence, Positive, Share, span
from operators.profiles.score_cells import LABELLED, LABELS
from operators.stats.calibration import BINS, calibration_error, reliability, surely
from operators.wire.control import Word


class Calibration(WindowMonitor, frozen=True, kw_only=True):
    """The calibration error of a window's labels is surely more than `error_max`; fewer than `n_min` are too few."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"on", "profile"})

    on: tuple[str, ...] = (CALIBRATION,)
    profile: str = ""
    error_max: Share = 0.05
    confidence: Confidence = 0.99
    n_min: Positive = 100

    def watching(self, watched: Watched) -> Watched:
        """Return the field with its bins, which no profile has."""
        return msgspec.structs.replace(watched, field=LABELS)


def _evaluate(monitor: Calibration, ended: Ended, broken: object) -> tuple[list[Drift], list[Drift]]:
    found: list[Drift] = []
    slots = ended.members(monitor)
    for index, watched in watched_of(monitor, ended.policy):
        window = ended.counts_of(index, watched, slots)
        counts = window.counts[:, LABELLED]
        n, errors = counts.sum(axis=1), calibration_error(counts)
        bad = surely(counts, 1.0 - monitor.confidence) > monitor.error_max
        for row in np.flatnonzero(n).tolist():
            few: Word = "INSUFFICIENT"
            known: Word = "BAD" if bad[row] else "OK"
            found.append(
                Drift(
                    monitor=monitor.name,
                    series=window.names[row],
                    field=watched.name,
                    start=ended.start,
                    end=ended.end,
                    axis=axis_of(watched.name),
                    kind=kind_of(watched.name),
                    method="calibration",
                    word=known if n[row] >= monitor.n_min else few,
                    score=float(errors[row]),
                    threshold=monitor.error_max,
                    n_current=int(n[row]),
                    detail=_bins(counts[row : row + 1]),
                )
            )
    return found, found


def _bins(counts: Ints) -> str:
    """Return the reliability bins of one series in words."""
    n, right, confidence = (each[0] for each in reliability(counts))
    return ", ".join(
        f"{at / BINS:g}-{(at + 1) / BINS:g}: {right[at]} of {n[at]} right at {confidence[at]:.2f}"
        for at in np.flatnonzero(n).tolist()
    )


def _when(monitor: Calibration) -> str:
    return f"the calibration error of labels over {span(monitor.window_ms)} is surely above {monitor.error_max:.6g}"


KIND = WindowKind(
    name="calibration",
    monitor=Calibration,
    when=_when,
    false_alarms=lambda monitor, pane_ms, series: (
        (1.0 - monitor.confidence) * series * windows_a_week(monitor.window_ms)
    ),
    limit=AlarmLimit(keys=("error_max",), factors=SHARES, most=1.0),
    evaluate=_evaluate,
    every_window=True,
)
