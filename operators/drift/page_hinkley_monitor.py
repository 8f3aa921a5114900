"""Page-Hinkley as a kind of monitor."""

from typing import Annotated

from msgspec import Meta

from operators.drift.alarm_limit import AlarmLimit
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.false_alarms import of_page_hinkley
from operators.drift.kind import SeriesKind, needs_unit
from operators.policy.monitors import SeriesMonitor
from operators.policy.reading import Above, LearnedFrom
from operators.saved.registry import Saved

KEPT = (
    "allowance", "threshold", "samples_min", "alpha", "detected", "n", "mean", "up", "down", "up_least", "down_most",
)  # fmt: skip


class PageHinkley(SeriesMonitor, frozen=True, kw_only=True):
    """Page-Hinkley on the pane values of a series."""

    allowance: Above = 0.5
    threshold: Above = 15.0
    samples_min: Annotated[int, Meta(ge=1)] = 30
    learned_from: LearnedFrom = 60


def _false_alarms(monitor: PageHinkley, pane_ms: int, series: int) -> float:
    watched = series * len(monitor.on)
    return of_page_hinkley(pane_ms, watched, monitor.allowance, monitor.threshold, monitor.learned_from)


def _when(monitor: PageHinkley) -> str:
    return f"the mean of panes has moved by more than {monitor.allowance:g} deviations, by Page-Hinkley"


KIND = SeriesKind(
    name="page_hinkley",
    monitor=PageHinkley,
    when=_when,
    false_alarms=_false_alarms,
    limit=AlarmLimit(keys=("threshold",), factors=(1.5, 2, 3, 5, 8, 12)),
    needs=needs_unit,
    detector=lambda monitor: PageHinkleyDetector(monitor.allowance, monitor.threshold, monitor.samples_min),
    learned_from=lambda monitor: monitor.learned_from,
    wanders=(1, 3),  # The allowance absorbs slower changes.
    saved=(
        Saved("monitor.page_hinkley", PageHinkley),
        Saved("page_hinkley", PageHinkleyDetector, KEPT),
    ),
)
