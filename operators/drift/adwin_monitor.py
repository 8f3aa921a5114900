"""ADWIN as a kind of monitor."""

from operators.drift.alarm_limit import AlarmLimit
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.false_alarms import of_adwin
from operators.drift.kind import SeriesKind, needs_unit
from operators.policy.monitors import SeriesMonitor
from operators.policy.reading import Inner, LearnedFrom
from operators.saved.registry import Saved


class Adwin(SeriesMonitor, frozen=True, kw_only=True):
    """ADWIN on the pane values of a series."""

    delta: Inner = 0.002 / 32
    learned_from: LearnedFrom = 60


KIND = SeriesKind(
    name="adwin",
    monitor=Adwin,
    when=lambda monitor: f"the mean of panes has changed, by ADWIN (delta {monitor.delta:.3g})",
    false_alarms=lambda monitor, pane_ms, series: of_adwin(pane_ms, series * len(monitor.on), monitor.delta),
    limit=AlarmLimit(keys=("delta",), factors=(0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-9)),
    needs=needs_unit,
    detector=lambda monitor: AdwinDetector(monitor.delta),
    learned_from=lambda monitor: monitor.learned_from,
    wanders=(1, 3, 6, 12),  # ADWIN adds up for as long as nothing changes.
    saved=(
        Saved("monitor.adwin", Adwin),
        Saved("adwin", AdwinDetector, ("delta", "clock", "window_min", "grace", "max_buckets", "detected", "window")),
    ),
)
