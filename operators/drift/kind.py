"""What a kind of monitor brings: its keys in the policy, its arithmetic, its words, and what it costs in false alarms.

A kind is one file beside this one, and one line in `registry.py`. It either judges windows when they end, or steps a
detector on each series, pane by pane.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from operators.drift.alarm_limit import AlarmLimit
from operators.drift.detectors.alarm import Alarm
from operators.drift.ended_window import Ended
from operators.drift.results import Drift
from operators.policy.monitor_place import Reading
from operators.policy.monitors import FEATURES, Monitor, SeriesMonitor, WindowMonitor
from operators.saved.registry import Saved

M = TypeVar("M", bound=Monitor)
W = TypeVar("W", bound=WindowMonitor)
S = TypeVar("S", bound=SeriesMonitor)


def _accept(monitor: Monitor, reading: Reading) -> None:
    """Accept whatever the keys allow one by one."""


class MonitorKind(msgspec.Struct, Generic[M], frozen=True, kw_only=True):
    """A kind of monitor: `name` names it in a policy, `monitor` has its keys.

    `needs` says of a table for what it needs a profile, None where it needs none; `check` raises PolicyError for what
    the keys cannot say one by one. `when` says in `rollguard check` what it calls drift, `false_alarms` how many a week
    it costs of one model while nothing changes, by the pane in ms and the number of series. `limit` is what makes it
    alarm less often. `saved` are classes that it keeps, with their names for ever.
    """

    name: str
    monitor: type[M]
    when: Callable[[M], str]
    false_alarms: Callable[[M, int, int], float]
    limit: AlarmLimit = AlarmLimit()
    needs: Callable[[Any], str | None] = lambda table: None
    check: Callable[[M, Reading], None] = _accept
    saved: Sequence[Saved] = ()


class WindowKind(MonitorKind[W], Generic[W], frozen=True, kw_only=True):
    """A kind that looks at windows when they end: `evaluate` returns the rows to store, and its state of every series.

    The last argument is what contracts were broken at the window before (`contract_monitor.Contracts`). `every_window`:
    the rows are of every window, also of those that say what the one before said; else of what begins and ends.
    """

    every_window: bool = False
    evaluate: Callable[[W, Ended, Any], tuple[list[Drift], list[Drift]]]


class Detector(Protocol):
    """Looks at one standardised value after the other, and says when they have changed; what it keeps is saved."""

    def update(self, x: float) -> Alarm | None:
        """Take the next value."""


def needs_unit(table: Any) -> str | None:
    """Say for which of its fields a detector needs a profile: features have no unit of their own."""
    on = [table.on] if isinstance(table.on, str) else table.on
    return next((f'on = "{name}"' for name in on if name.startswith(FEATURES)), None)


class SeriesKind(MonitorKind[S], Generic[S], frozen=True, kw_only=True):
    """A kind that steps a detector: `detector` makes one for a series, `learned_from` is how many values it learns.

    `wanders` are the hours over which it adds up: how far a series wanders by itself over them is no change.
    """

    detector: Callable[[S], Detector]
    learned_from: Callable[[S], int]
    wanders: Sequence[int]
