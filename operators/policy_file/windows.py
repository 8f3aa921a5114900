"""The table [windows] of a policy: which windows there are, and which of their rows are stored."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.policy.errors import PolicyError
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import DURATION_ALLOWED, SPAN_MS_MAX, Duration, convert, span
from operators.policy.slices import named_values
from operators.policy.windows import Report, Window


class Reported(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Rows that are stored: those of `slices`, at each multiple of `every`; without it whenever a window ends."""

    slices: Annotated[tuple[str, ...], Meta(min_length=1)]
    every: Duration | None = None


class Tumbling(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A tumbling window as a table; one given as a size alone stores all rows."""

    size: Duration
    report: list[Reported] | None = None


class Sliding(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A sliding window."""

    size: Duration
    every: Duration
    report: list[Reported] | None = None


class WindowsTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[windows]`."""

    tumbling: list[Any] = []
    sliding: list[Sliding] = []


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """A window as it was written: in the list `key`, at `place`, as `value`."""

    key: str
    place: str
    value: Any
    window: Window
    report: Sequence[Reported] | None


def windows_of(table: WindowsTable, raw: dict[str, Any], pane: Duration) -> tuple[Window, ...]:
    """Return the windows, in the order in which they are written. PolicyError."""
    seen: set[Window] = set()
    for key, value, window in ((read.key, read.value, read.window) for read in _read(table, raw)):
        if window.every_ms == 0 or window.every_ms % pane.ms:
            raise PolicyError(key, value, f"must be a multiple of time.pane ({pane.text})")
        if window.size_ms == 0 or window.size_ms % window.every_ms:
            raise PolicyError(key, value, "its size must be a multiple of its every")
        if window.size_ms > SPAN_MS_MAX:
            raise PolicyError(key, value, "its size must be at most 366d")
        if window in seen:
            raise PolicyError(key, value, "is named twice")
        seen.add(window)
    return tuple(read.window for read in _read(table, raw))


def shape_of(windows: dict[str, Any]) -> dict[str, Any]:
    """Return the raw table as if all rows were stored: which rows are does not change what is counted."""
    tumbling = [each["size"] if isinstance(each, dict) else each for each in windows.get("tumbling", [])]
    sliding = [{key: value for key, value in each.items() if key != "report"} for each in windows.get("sliding", [])]
    return windows | {key: each for key, each in (("tumbling", tumbling), ("sliding", sliding)) if key in windows}


def reports_of(table: WindowsTable, raw: dict[str, Any], policy: Policy) -> dict[Window, tuple[Report, ...]]:
    """Return which rows are stored, for each window that says so. PolicyError."""
    return {
        read.window: tuple(_report(read, index, each, policy) for index, each in enumerate(read.report))
        for read in _read(table, raw)
        if read.report is not None
    }


def _report(read: _Read, index: int, wanted: Reported, policy: Policy) -> Report:
    place = TablePlace(f"{read.place}.report[{index}]", {"slices": list(wanted.slices)}, policy)
    grains, own = place.grains(wanted.slices), read.window.every_ms
    if named := [text for text in wanted.slices if named_values(text) is not None]:
        raise place.refuse("slices", "must name dimensions alone: rows of all their values are stored", named[0])
    if wanted.every is None:
        return Report(grains=grains, every_ms=own)
    every = wanted.every.ms
    if not every or (every % own and own % every):
        raise place.refuse("every", f"must be a multiple of {span(own)}, with which the window ends", wanted.every.text)
    return Report(grains=grains, every_ms=max(every, own))


def _read(table: WindowsTable, raw: dict[str, Any]) -> list[_Read]:
    windows = raw["windows"]
    found = []
    for index, each in enumerate(table.tumbling):
        place = f"windows.tumbling[{index}]"
        size, report = _tumbling(each, place)
        window = Window(size_ms=size.ms, every_ms=size.ms)
        found.append(_Read(key="windows.tumbling", place=place, value=each, window=window, report=report))
    for index, sliding in enumerate(table.sliding):
        window = Window(size_ms=sliding.size.ms, every_ms=sliding.every.ms)
        place, value = f"windows.sliding[{index}]", windows["sliding"][index]
        found.append(_Read(key="windows.sliding", place=place, value=value, window=window, report=sliding.report))
    return found


def _tumbling(value: object, key: str) -> tuple[Duration, Sequence[Reported] | None]:
    if isinstance(value, dict):
        table = convert(value, Tumbling, key)
        return table.size, table.report
    if not isinstance(value, str):
        raise PolicyError(key, value, DURATION_ALLOWED)
    try:
        return Duration(value), None
    except ValueError as error:
        raise PolicyError(key, value, str(error)) from error
