"""What defines a kind of monitor: its keys in the policy, its arithmetic, its words, and its cost in false alarms.

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
    """Accept all values that the keys allow one by one."""


class MonitorKind(msgspec.Struct, Generic[M], frozen=True, kw_only=True):
    """A kind of monitor: `name` names it in a policy, `monitor` has its keys.

    `needs` says what a table needs a profile for, None if nothing; `check` raises PolicyError for what keys cannot
    check one by one. `when` says in `rollguard check` what the kind calls drift, `false_alarms` how many a week it
    costs for one model while nothing changes, by the pane in ms and the number of series. `limit` is what makes it
    alarm less often. `saved` are the classes of its state, under names that never change.
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
    """A kind that judges windows when they end: `evaluate` returns the rows to store, and its word on every series.

    Its last argument has the contracts broken at the window before (`contract_monitor.Contracts`). `every_window`: each
    window has rows, even where they repeat those of the window before; else only what begins and ends has.
    """

    every_window: bool = False
    evaluate: Callable[[W, Ended, Any], tuple[list[Drift], list[Drift]]]


class Detector(Protocol):
    """Takes one standardised value after the other, and says when they have changed; its state is saved."""

    def update(self, x: float) -> Alarm | None:
        """Take the next value."""


def needs_unit(table: Any) -> str | None:
    """Say which field a detector needs a profile for: features have no unit of their own."""
    on = [table.on] if isinstance(table.on, str) else table.on
    return next((f'on = "{name}"' for name in on if name.startswith(FEATURES)), None)


class SeriesKind(MonitorKind[S], Generic[S], frozen=True, kw_only=True):
    """A kind that steps a detector: `detector` makes one for a series, which learns from `learned_from` values.

    `wanders` are the hours over which it adds up: how far a series wanders by itself over them is not a change.
    """

    detector: Callable[[S], Detector]
    learned_from: Callable[[S], int]
    wanders: Sequence[int]
