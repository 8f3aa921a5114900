"""Change detectors on the pane values of series: the bad ratio of an SLI, the mean of a measure or a feature.

A detector learns the scale of its series first, then looks at every pane with a value, less the season where there is
one (`detectors/season.py`); an alarm starts it afresh, with the new level as normal. So that rules and people see an
alarm, its series is BAD for HELD_MS, then OK again. State: a few kB a series and field; series without events for long
are forgotten.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Floats
from operators.drift.detectors.alarm import Alarm, finite
from operators.drift.detectors.novelty import BLOCKS_MIN, newness
from operators.drift.detectors.season import Season
from operators.drift.detectors.standard import Standardiser, ratio_sd
from operators.drift.kind import Detector
from operators.drift.member import grains_of, watched_of, watches
from operators.drift.registry import series_kind_of
from operators.drift.results import Drift
from operators.drift.window_sums import Rolled, joined_sums
from operators.policy.monitors import FEATURES, DriftKind, SeriesMonitor, axis_of, kind_of
from operators.policy.policy import Policy
from operators.profiles.local_time import local_ms
from operators.spans import DAY_MS, HOUR_MS
from operators.stats.magnitude import FLOAT_MAX, of_standardised
from operators.window.partial import BAD, GOOD, HI, LO, N
from operators.window.series_index import SliceSeries
from operators.window.sums import LIMB_BITS
from operators.wire.control import Word
from operators.wire.evaluator_models import is_evaluator_model

HELD_MS = HOUR_MS
SUSPECTED_MS = 3 * DAY_MS  # For this long an unreported alarm of a detector is looked at again every hour.
ONCE_MS = DAY_MS  # For this long a reported move is not reported again, unless it has gone further.
Key = tuple[str, str, str]  # Model, version, slice.
PaneValue = tuple[SliceSeries, float, int, int]  # Series, value, its number of events, and how many of these are bad.


class Watch(msgspec.Struct, kw_only=True):
    """One detector on one series. `bad`, `n` and `panes` are counted while it learns; `alarm` is the one in force."""

    standardiser: Standardiser
    detector: Detector
    series: SliceSeries
    bad: int = 0
    n: int = 0
    panes: int = 0
    seen: int = 0
    alarm: Drift | None = None
    season: Season = msgspec.field(default_factory=Season)
    suspected: int = -1  # When the detector alarmed, Unix ms, while the alarm is not reported.
    reported: float = 1.0  # The last move that was reported, in deviations of the scale, and when, Unix ms.
    reported_at: int = -ONCE_MS

    def step(
        self,
        value: float,
        start: int,
        fresh: Callable[[], Detector],
        lengths: Sequence[int] = (1,),
        shown: int | None = None,
    ) -> Alarm | None:
        """Take the value of the pane that begins at `start` [Unix ms]; `fresh` makes the detector of a new season.

        Hours are those of `shown`, what local clocks show then (`local_ms`), without it those of UTC.

        `lengths` of blocks, in hours, are those over which the series may wander (`detectors/wander.py`).
        """
        learned = self.standardiser.scale
        if learned is None:
            found = [alarm for x in self.standardiser.update(value) if (alarm := self.detector.update(x)) is not None]
            return found[-1] if found else None
        z = learned.off(finite(value))
        before = self.season.hour
        if self.season.begin(start if shown is None else shown, lengths):
            self.detector = fresh()
        x = self.season.standardise(z)
        self.season.add(z)
        alarm = None if x is None else self.detector.update(x)
        if alarm is not None:
            self.suspected = start
        elif self.suspected < 0 or self.season.hour == before:
            return None
        return self._news(alarm, start)

    def _news(self, alarm: Alarm | None, start: int) -> Alarm | None:
        """Return the detector's alarm, present or earlier, once it is to be reported because the level is new."""
        left = self.season.left()
        if start - self.suspected > SUSPECTED_MS or np.isfinite(left).sum() < BLOCKS_MIN:
            self.suspected = -1
            return alarm
        move = newness(left, None if alarm is None else self.season.running)
        if move is None:
            return None
        self.suspected = -1
        if start - self.reported_at < ONCE_MS and not move.is_beyond(self.reported):
            return None
        self.reported, self.reported_at = move.size, start
        return Alarm(rose=move.size > 0, score=abs(move.size), threshold=move.limit)

    @property
    def expected(self) -> float | None:
        """The expected value of a pane: the mean of the scale, with the season's level where there is one."""
        scale, season = self.standardiser.scale, self.season
        if scale is None or not season.on or season.level != season.level:
            return None if scale is None else scale.mean
        return min(max(scale.mean + season.level * scale.sd, -FLOAT_MAX), FLOAT_MAX)


class Changes:
    """All detectors of one monitor on one field, by series."""

    def __init__(self, monitor: SeriesMonitor, field: str, policy: Policy) -> None:
        self.monitor = monitor
        self.field = field
        self._pane_ms, self._zone = policy.pane_ms, policy.timezone
        self._grains = grains_of(monitor, policy)
        self._sli = [f"sli.{sli.name}" for sli in policy.slis].index(field) if field.startswith("sli.") else None
        counted = [(at, each.centre, each.scale) for at, each in watched_of(monitor, policy) if each.name == field]
        # For a feature: its index into `policy.watched`, and the unit that it is summed in.
        self._feature = counted[0] if counted and field.startswith(FEATURES) else None
        names = [measure.name for measure in policy.measures]
        self._measure = names.index(field) if self._sli is None and self._feature is None else None
        self._unit = 1.0 if self._measure is None else 10.0 ** -policy.measures[self._measure].digits
        sli = None if self._sli is None else policy.slis[self._sli]
        on_feedback = sli is not None and sli.on_feedback
        self._axis = axis_of(field, on_feedback=on_feedback)
        # Estimated SLIs are estimated from scores.
        is_estimated = sli is not None and sli.estimated_from is not None
        self._kind: DriftKind = "prediction" if is_estimated else kind_of(field, on_feedback=on_feedback)
        self.watches: dict[Key, Watch] = {}
        self._derive()

    def _derive(self) -> None:
        """Compute the attributes that follow from saved state."""
        # What the detectors read of a pane: those that read the same are given the same values.
        self.asks: Hashable = (self.field, self.monitor.model, self.monitor.profile, frozenset(self._grains))
        self._series_kind = series_kind_of(self.monitor)
        self._firing: dict[Key, Watch] | None = None  # The watches with an alarm in force; None: not worked out yet.
        self._names: Sequence[SliceSeries] = ()
        self._known: dict[int, bool] = {}  # By slot of `_names`, whether the monitor watches the series.

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._derive()

    @property
    def firing(self) -> dict[Key, Watch]:
        """The watches of the series that are BAD."""
        if self._firing is None:
            self._firing = {key: watch for key, watch in self.watches.items() if watch.alarm is not None}
        return self._firing

    @property
    def quiet(self) -> bool:
        """Whether no series is BAD: then the passing of time changes nothing."""
        return not self.firing

    def step(self, pane: int, values: Sequence[PaneValue]) -> list[Drift]:
        """Take the next pane; return what changed: scales learned, alarms begun and alarms ended."""
        end = (pane + 1) * self._pane_ms
        drifts: list[Drift] = []
        shown = int(local_ms(end - self._pane_ms, self._zone)) if values else end
        for series, value, n, bad in values:
            drifts += self._feed(series, value, n, bad, end, shown)
        for key, watch in list(self.firing.items()):
            if watch.alarm is None or watch.alarm.end + HELD_MS <= end:
                watch.alarm = None
                del self.firing[key]
                drifts.append(self._drift(watch, end, "OK", None, "no alarm since"))
        return sorted(drifts, key=lambda drift: drift.series[:3]) if drifts else drifts  # Not as the series came in.

    def alarm(self, series: SliceSeries) -> Drift | None:
        """Return the alarm of a series that is still in force."""
        watch = self.watches.get(series[:3])
        return None if watch is None else watch.alarm

    def forget(self, before: int) -> None:
        """Forget series whose last event was before `before` [Unix ms]."""
        self.watches = {key: watch for key, watch in self.watches.items() if watch.seen >= before}
        self._firing = None

    def values(self, rolled: Rolled, names: Sequence[SliceSeries]) -> Iterator[PaneValue]:
        """Return the values that its detectors read of a pane."""
        means: Floats
        if self._sli is not None:
            good, bad = rolled.slis[:, self._sli, GOOD], rolled.slis[:, self._sli, BAD]
            n, means = good + bad, bad / np.maximum(good + bad, 1)
        elif self._feature is not None:
            index, centre, scale = self._feature
            n, high, low, *_ = rolled.moments[:, index].T
            means = of_standardised(joined_sums(high, low) / np.maximum(n, 1), centre, scale)
            bad = np.zeros(len(n), np.int64)
        else:
            sums = rolled.sums[:, self._measure]
            n, bad = sums[:, N], np.zeros(len(sums), np.int64)
            means = (sums[:, HI] * 2.0**LIMB_BITS + sums[:, LO]) * self._unit / np.maximum(n, 1)
        for slot, *value in zip(rolled.slots.tolist(), means.tolist(), n.tolist(), bad.tolist(), strict=True):
            if value[1] and self._watches(slot, names):
                yield names[slot], *value

    def _watches(self, slot: int, names: Sequence[SliceSeries]) -> bool:
        """Tell whether the monitor watches a series; `names` only grows, and a new list has new slots."""
        if names is not self._names:
            self._names, self._known = names, {}
        if slot not in self._known:
            self._known[slot] = watches(self.monitor, self._grains, names[slot])
        return self._known[slot]

    def _feed(self, series: SliceSeries, value: float, n: int, bad: int, end: int, shown: int) -> Iterator[Drift]:
        watch = self.watches.get(series[:3])
        if watch is None:
            watch = self.watches[series[:3]] = _watch(self.monitor, series)
        watch.seen = end
        learning = watch.standardiser.scale is None
        if learning:
            watch.bad, watch.n, watch.panes = watch.bad + bad, watch.n + n, watch.panes + 1
            if self._sli is not None:
                watch.standardiser.sd_min = ratio_sd(watch.bad, watch.n, watch.n / watch.panes)
        kind = self._series_kind
        alarm = watch.step(value, end - self._pane_ms, lambda: kind.detector(self.monitor), kind.wanders, shown)
        scale = watch.standardiser.scale
        if learning and scale is not None and alarm is None:
            yield self._drift(watch, end, "OK", None, f"learned mean {scale.mean:.6g}, deviation {scale.sd:.6g}")
        if alarm is not None:
            moved = "rose" if alarm.rose else "fell"
            watch.alarm = self._drift(watch, end, "BAD", alarm, f"{moved}: {value:.6g} in this pane")
            self.firing[series[:3]] = watch
            yield watch.alarm

    def _drift(self, watch: Watch, end: int, word: Word, alarm: Alarm | None, detail: str) -> Drift:
        return Drift(
            monitor=self.monitor.name,
            series=watch.series,
            field=self.field,
            start=end - self._pane_ms,
            end=end,
            axis=self._axis,
            kind="judge" if is_evaluator_model(watch.series.model) else self._kind,
            method=self.monitor.kind,
            word=word,
            score=None if alarm is None else alarm.score,
            threshold=None if alarm is None else alarm.threshold,
            expected=watch.expected,
            reference="learned",
            n_reference=watch.panes,
            n_current=1,
            detail=detail,
        )


def _watch(monitor: SeriesMonitor, series: SliceSeries) -> Watch:
    kind = series_kind_of(monitor)
    standardiser = Standardiser(learned_from=kind.learned_from(monitor))
    return Watch(standardiser=standardiser, detector=kind.detector(monitor), series=series)
