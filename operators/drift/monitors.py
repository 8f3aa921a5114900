"""All monitors of one shard, pane by pane: closed panes in, findings out.

The findings depend on the closed panes alone: detectors look at each pane with a value, windows tumble and are
evaluated with the pane that ends them, and an empty pane changes nothing unless `quiet` is false. Late events are
ignored.
"""

from collections.abc import Hashable, Sequence

import msgspec
import numpy as np

from operators.drift.change_monitor import Changes, PaneValue
from operators.drift.contract_monitor import Contracts
from operators.drift.ended_window import Arms, Ended
from operators.drift.found import by_field
from operators.drift.kept_monitors import identities, kept_monitors, moved_sums, moved_weeks
from operators.drift.last_week import LastWeek
from operators.drift.lasting_state import Lasting
from operators.drift.member import watched_of
from operators.drift.registry import window_kind_of
from operators.drift.results import NOTHING, Drift, FieldCounts, Heard, Monitored, SeriesWindow
from operators.drift.unchanged import Unchanged
from operators.drift.window_sums import Rolled, Sums, roll_up_fields
from operators.policy.monitors import SeriesMonitor, Watched, WatchedColumn, WindowMonitor
from operators.policy.policy import Policy
from operators.window.label_cells import LabelCells
from operators.window.pane_lengths import PaneLengths
from operators.window.partial import Partial
from operators.window.series_index import SeriesIndex
from operators.window.watermark import END

SLOTS_MIN = 1_000  # With fewer slots than this, freeing any is not worth it.


class MonitorsState(msgspec.Struct, kw_only=True):
    """All that a restart needs; `identities`, by name, are of the monitors at the time, `columns` are the fields.

    `identity` stands for both in older saved state: it covers all monitors, and what they watch.
    """

    identity: bytes
    slots: SeriesIndex
    sums: dict[int, Sums]  # By window length.
    past: LastWeek
    contracts: Contracts
    changes: list[Changes]
    slots_max: int
    stored: set[tuple[str, str]] = set()  # Profiles and fields that are in the store already.
    lasting: dict[tuple[str, str], Lasting] = {}  # By monitor and field.
    unchanged: Unchanged = msgspec.field(default_factory=Unchanged)
    labels: dict[str, LabelCells] = {}  # By monitor.
    identities: dict[str, bytes] = {}
    columns: tuple[WatchedColumn, ...] = ()


class Monitors:
    """The monitors of one shard; `state` is all they keep, `kept` names those that go on from saved state."""

    def __init__(self, policy: Policy, saved: MonitorsState | None = None, lengths: PaneLengths | None = None) -> None:
        """Begin, or go on from saved state, whose panes may have had other `lengths`."""
        self.policy = policy
        self._by_panes = lengths is None or lengths.same  # Whether counts by panes go on.
        windowed = [each for each in policy.monitors if isinstance(each, WindowMonitor)]
        # Shorter windows first, then in the order of the policy.
        self.windowed = {
            window_ms: [each for each in windowed if each.window_ms == window_ms]
            for window_ms in sorted({each.window_ms for each in windowed})
        }
        self.state = self._begun()
        self.kept = frozenset[str]()
        if saved is not None:
            self._go_on(saved)

    def _begun(self) -> MonitorsState:
        policy = self.policy
        grains = dict.fromkeys(grain for monitor in policy.monitors for grain in monitor.grains)
        return MonitorsState(
            identity=b"",
            slots=SeriesIndex(policy.dimensions, tuple(grains)),
            sums={window_ms: Sums(policy) for window_ms in self.windowed},
            past=LastWeek(policy),
            slots_max=SLOTS_MIN,
            contracts=Contracts(),
            changes=[
                Changes(monitor, field, policy)
                for monitor in policy.monitors
                if isinstance(monitor, SeriesMonitor)
                for field in monitor.on
            ],
            identities=identities(policy),
            columns=policy.columns.watched,
        )

    def _go_on(self, saved: MonitorsState) -> None:
        """Take over the saved state of unchanged monitors, and of fields that are still watched."""
        new = self.state
        if not saved.identities and saved.identity in {_identity(self.policy, *each) for each in _widths(self.policy)}:
            saved.identities, saved.columns = new.identities, new.columns  # Nothing has changed since an older version.
        self.kept = kept = kept_monitors(saved.identities, new.identities)
        slots = new.slots.dimensions, new.slots.grains
        if self._by_panes and (saved.identities, saved.columns, (saved.slots.dimensions, saved.slots.grains)) == (
            new.identities, new.columns, slots,
        ):  # fmt: skip
            self.state = saved
            return
        saved.slots.go_on(new.slots)
        new.slots, new.slots_max, new.stored = saved.slots, saved.slots_max, saved.stored
        changed = saved.columns != new.columns
        for window_ms in new.sums.keys() & saved.sums.keys() if self._by_panes else ():
            sums = saved.sums[window_ms]
            new.sums[window_ms] = moved_sums(sums, saved.columns, new.columns) if changed else sums
        new.past = moved_weeks(new.past, saved.past, saved.columns, new.columns)
        contracts, unchanged = new.contracts, saved.unchanged.stored
        contracts.broken = {place: each for place, each in saved.contracts.broken.items() if place[0] in kept}
        contracts.seen = {place: each for place, each in saved.contracts.seen.items() if place[0] in kept}
        new.unchanged.stored = {place: each for place, each in unchanged.items() if place[0] in kept}
        new.lasting = {place: each for place, each in saved.lasting.items() if place[0] in kept}
        new.labels = {name: each for name, each in saved.labels.items() if name in kept}
        watches = {(each.monitor.name, each.field): each.watches for each in saved.changes}
        for changes in new.changes:
            if changes.monitor.name in kept and self._by_panes:
                changes.watches = watches.get((changes.monitor.name, changes.field), {})

    @property
    def quiet(self) -> bool:
        """Whether an empty pane would change nothing, so that a run of empty panes may be left out."""
        return all(sums.empty for sums in self.state.sums.values()) and all(each.quiet for each in self.state.changes)

    def still_until(self, pane: int) -> int:
        """Return the first later pane that changes something though all are empty; END where none does."""
        if not all(each.quiet for each in self.state.changes):
            return pane + 1
        running = (ms // self.policy.pane_ms for ms, sums in self.state.sums.items() if not sums.empty)
        return min((((pane + 1) // panes + 1) * panes - 1 for panes in running), default=END)

    def step(self, pane: int, part: Partial | None, arms: Arms, end: bool = False) -> Monitored:
        """Take the next pane, `part` None if it is empty; `arms` are the versions of the releases under way.

        `end` says that no pane follows: unfinished windows are judged as they stand.
        """
        if not self.policy.monitors or (part is None and not end and self.still_until(pane - 1) > pane):
            return NOTHING
        rolled = None if part is None else roll_up_fields(part, self.state.slots)
        drifts, heard = self._detect(pane, rolled)
        windows: list[FieldCounts] = []
        series: list[SeriesWindow] = []
        profiles: list[Watched] = []
        for window_ms, sums in self.state.sums.items():
            if rolled is not None:
                sums.add(rolled, len(self.state.slots.names), pane * self.policy.pane_ms)
            panes = window_ms // self.policy.pane_ms
            if (end or (pane + 1) % panes == 0) and not sums.empty:
                ended = self._ended(window_ms, (pane // panes + 1) * window_ms, arms)
                for monitor in self.windowed[window_ms]:
                    rows, by_series, results = self._evaluate(monitor, ended)
                    drifts += rows
                    series += by_series
                    heard += results
                windows += self._counts(ended, profiles)
                self.state.past.store(window_ms, ended.end, sums, ended.used, ended.names)
                sums.clear()
        self._forget(pane, rolled)
        return Monitored(drifts=drifts, series=series, heard=heard, windows=windows, profiles=profiles)

    def _detect(self, pane: int, rolled: Rolled | None) -> tuple[list[Drift], list[Heard]]:
        """Step the detectors; return what changed, and their monitors' word on each of those series."""
        values: dict[Hashable, list[PaneValue]] = {}
        drifts: list[Drift] = []
        for each in self.state.changes:
            asks = each.asks
            if asks not in values:
                values[asks] = [] if rolled is None else list(each.values(rolled, self.state.slots.names))
            drifts += each.step(pane, values[asks])
        last = {(drift.monitor, *drift.series[:3]): drift for drift in drifts}
        heard = []
        for drift in last.values():
            alarms = [each.alarm(drift.series) for each in self.state.changes if each.monitor.name == drift.monitor]
            heard.append(_heard([*filter(None, alarms), drift]))
        return drifts, heard

    def _ended(self, window_ms: int, end: int, arms: Arms) -> Ended:
        sums, names = self.state.sums[window_ms], self.state.slots.names
        return Ended(
            policy=self.policy,
            window_ms=window_ms,
            end=end,
            sums=sums,
            names=names,
            offenders={names[slot][:3]: known for slot, known in sums.offenders.items()},
            used=sums.used(),
            past=self.state.past,
            arms=arms,
            lasting=self.state.lasting,
            labels=self.state.labels,
        )

    def _evaluate(self, monitor: WindowMonitor, ended: Ended) -> tuple[list[Drift], list[SeriesWindow], list[Heard]]:
        """Return the rows of a window, its findings by series, and the monitor's word on each series."""
        kind = window_kind_of(monitor)
        rows, stands = kind.evaluate(monitor, ended, self.state.contracts)
        rows, windows = self.state.unchanged.split(rows) if kind.every_window else (rows, [])
        by_series: dict[tuple[str, ...], list[Drift]] = {}
        for drift in stands:
            by_series.setdefault(drift.series[:3], []).append(drift)
        return rows, windows, [_heard(of_one) for of_one in by_series.values()]

    def _counts(self, ended: Ended, profiles: list[Watched]) -> list[FieldCounts]:
        """Return the counts of every field with bins that monitors watch in this window, for the series they watch."""
        found: dict[int, list[int]] = {}
        for monitor in self.windowed[ended.window_ms]:
            members = ended.members(monitor).tolist()
            for index, watched in watched_of(monitor, self.policy):
                found.setdefault(index, []).extend(members if watched.bins else ())
        windows = []
        for index, slots in sorted(found.items()):
            watched = self.policy.watched[index]
            window = ended.counts_of(index, watched, np.array(list(dict.fromkeys(slots)), np.int64))
            if len(window.names):
                windows.append(window)
                if watched.profile and (watched.profile, watched.name) not in self.state.stored:
                    self.state.stored.add((watched.profile, watched.name))
                    profiles.append(watched)
        return windows

    def _forget(self, pane: int, rolled: Rolled | None) -> None:
        """Keep slots only for series that a running window holds, or that had events in this pane.

        Versions come and go, and memory must not grow.
        """
        state = self.state
        if len(state.slots.names) <= state.slots_max:
            return
        held = [sums.used() for sums in state.sums.values()] + ([] if rolled is None else [rolled.slots])
        kept = np.unique(np.concatenate([np.zeros(0, np.int64), *held]))
        state.slots_max = max(SLOTS_MIN, 2 * len(kept))
        if 2 * len(kept) < len(state.slots.names):
            for sums in state.sums.values():
                sums.only(kept)
            state.slots = state.slots.only(kept.tolist())
        before = pane * self.policy.pane_ms - self.policy.releases.known_ms
        state.contracts.forget(before)
        state.unchanged.forget(before)
        for lasting in state.lasting.values():
            lasting.forget(before)
        for labels in state.labels.values():
            labels.forget(before)
        for changes in state.changes:
            changes.forget(before)


def _heard(of_one: Sequence[Drift]) -> Heard:
    """Return one monitor's word on one series, from its results on each field."""
    bad = by_field([drift for drift in of_one if drift.word == "BAD"])
    well = [drift for drift in of_one if drift.word == "OK"]
    worst = (bad or well or list(of_one))[0]
    return Heard(
        monitor=worst.monitor,
        series=worst.series,
        word=worst.word,
        fields=tuple(drift.field for drift in bad),
        worst=worst,
        found=bad,
    )


def _widths(policy: Policy) -> set[tuple[int, int]]:
    """Return the numbers of SLIs and dimensions of all policies under which usable state may have been saved."""
    return {(each.slis, len(each.dimensions)) for each in (policy.columns, *policy.earlier.values())}


def _identity(policy: Policy, many: int, depth: int) -> bytes:
    """Return the joint identity of a policy's monitors in state of older versions, by its first SLIs and dimensions.

    Columns that came later do not matter to the monitors' state: no unchanged monitor watches one.
    """
    # The keys of SLIs in states saved when all kinds were one class.
    keys = {"good": "", "name": "", "field": None, "limit": None, "flags": (), "ignore": ()}
    slis = [keys | sli.identity() for sli in policy.slis[:many]]
    return msgspec.msgpack.encode([policy.monitors, policy.watched, policy.dimensions[:depth], slis])
