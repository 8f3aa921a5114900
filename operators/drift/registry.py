"""The kinds of monitors: a line each."""

from collections.abc import Mapping
from typing import Any

from operators.drift import (
    adwin_monitor,
    calibration_monitor,
    contract_monitor,
    estimated_monitor,
    lasting_monitor,
    mean_monitor,
    page_hinkley_monitor,
    psi_monitor,
)
from operators.drift.kind import SeriesKind, WindowKind
from operators.policy.monitors import Monitor, SeriesMonitor, WindowMonitor

KINDS: Mapping[str, WindowKind[Any] | SeriesKind[Any]] = {
    kind.name: kind
    for kind in (
        psi_monitor.PSI,
        adwin_monitor.KIND,
        page_hinkley_monitor.KIND,
        mean_monitor.KIND,
        contract_monitor.KIND,
        calibration_monitor.KIND,
        estimated_monitor.KIND,
        psi_monitor.CLUSTERS,
        lasting_monitor.KIND,
    )
}


def monitor_kind_of(monitor: Monitor) -> WindowKind[Any] | SeriesKind[Any]:
    """Return the kind of a monitor."""
    return KINDS[monitor.kind]


def window_kind_of(monitor: WindowMonitor) -> WindowKind[Any]:
    """Return the kind of a monitor that judges windows. TypeError if its kind does not."""
    kind = KINDS[monitor.kind]
    if not isinstance(kind, WindowKind):
        raise TypeError(f"{monitor.kind} is not judged at the end of windows")
    return kind


def series_kind_of(monitor: SeriesMonitor) -> SeriesKind[Any]:
    """Return the kind of a monitor that steps detectors. TypeError if its kind does not."""
    kind = KINDS[monitor.kind]
    if not isinstance(kind, SeriesKind):
        raise TypeError(f"{monitor.kind} has no detector")
    return kind


def false_alarms_of(monitor: Monitor, pane_ms: int, series: int) -> float:
    """Return the false alarms a week of a monitor of one model with `series` series (versions and slices).

    >>> from operators.drift.mean_monitor import Sigma
    >>> hourly = Sigma(name="judge", kind="sigma", on=("feedback.judge",), sigmas=2)
    >>> round(false_alarms_of(hourly, 10_000, series=10), 1)
    38.2
    """
    return monitor_kind_of(monitor).false_alarms(monitor, pane_ms, series)
