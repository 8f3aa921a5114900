"""Names that mean something to rollguard itself: no model and no version may have one.

`*` is all versions together; names that begin with `__other__` are what was not told apart
(`operators/window/limits.py`), names that begin with `__mirrored__/` a version's answers to copies of requests
(`operators/wire/mirrored.py`). Slice values may be any text. In the text of a slice they follow their dimension, so `*`
is a value like any other; `__other__` has the same meaning as here, and is counted with the rest.
"""

from collections.abc import Iterable, Sequence

from operators.window.partial import OTHER
from operators.window.series_index import ALL_VERSIONS
from operators.wire.commands import AnyCommand, Kill, Override, Pin, Release, Rollback
from operators.wire.events import Event
from operators.wire.mirrored import PREFIX

REASON = "reserved_name"


def is_reserved(name: str | None) -> bool:
    """Tell whether a name of a model or version is one of rollguard's own.

    >>> [is_reserved(name) for name in ("*", "__other__", "__other__/s17", "**", "other", "", None)]
    [True, True, True, False, False, False, False]
    """
    return name is not None and (name == ALL_VERSIONS or name.startswith((OTHER, PREFIX)))


def name_fault(*names: str | None) -> tuple[str, str] | None:
    """Return why an item that names these models and versions is refused, as (reason, detail)."""
    taken = [name for name in names if is_reserved(name)]
    return (REASON, f"{taken[0]!r} may not be the name of a model or version") if taken else None


def faults_of(events: Sequence[Event]) -> dict[int, tuple[str, str]]:
    """Return by index why some events are refused. Some 40 ns an event: only distinct names are looked at."""
    distinct = {event.model for event in events} | {event.version for event in events}
    if not any(map(is_reserved, distinct)):
        return {}
    found = ((index, name_fault(event.model, event.version)) for index, event in enumerate(events))
    return {index: fault for index, fault in found if fault is not None}


def fault_of_command(command: AnyCommand) -> tuple[str, str] | None:
    """Return why a command is refused for the model or versions that it names, as (reason, detail)."""
    return name_fault(command.model, *_versions(command))


def _versions(command: AnyCommand) -> Iterable[str]:
    if isinstance(command, Release):
        return command.candidate, command.baseline
    if isinstance(command, Rollback):
        return (command.version,) if command.to is None else (command.version, command.to)
    return (command.version,) if isinstance(command, Override | Kill | Pin) else ()
