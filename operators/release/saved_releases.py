"""Releases and causes saved when one class knew every phase, upgraded to one state per phase."""

from typing import Any

from operators.release.cause import Level
from operators.release.phase_states import (
    Actionable,
    AnyState,
    Ineffective,
    Leaving,
    Left,
    Overridden,
    Promoted,
    Recovered,
    RolledBack,
    RollingOut,
    Serving,
    Times,
    Verifying,
)
from operators.stats.recovery_test import Health
from operators.stats.traffic_gone import Gone

Fields = dict[str, Any]
COMMON = ("candidate", "baseline", "since", "release", "unseen", "requests", "found", "found_beside")
# Versions called steady had been promoted: nothing was kept of other steady versions.
ACTIONABLE: dict[str, type[Actionable]] = {"serving": Serving, "rolling_out": RollingOut, "steady": Promoted}


def with_state(old: Fields) -> Fields:
    """Return the fields of a release of version 1 as those of version 2."""
    return _some(old, COMMON) | {"state": _state(old.get("phase", "steady"), old)}


def with_level(old: Fields) -> Fields:
    """Return the fields of a cause of version 1 as those of version 2."""
    new = {name: value for name, value in old.items() if name not in Level.__struct_fields__}
    level = _some(old, Level.__struct_fields__)
    return new if None in level.values() or not level else new | {"level": Level(**level)}


def _state(phase: str, old: Fields) -> AnyState:
    if phase in ACTIONABLE:
        kind = ACTIONABLE[phase]
        return kind(**_some(old, kind.__struct_fields__))  # type: ignore[return-value]
    times = _some(old, Times.__struct_fields__)
    if phase == "overridden":
        return Overridden(times=Times(**times))
    known = _some(old, ("cause", "detected", "onset", "share", "refuge", "excess"))
    health, applied = old.get("health") or Health(), old.get("applied")
    left = Left(applied=known["detected"] if applied is None else applied, health=health)
    leaving = Leaving(gone=old.get("gone") or Gone(), health=health, loose=old.get("loose", False))
    if phase == "rolled_back":
        return RolledBack(**known, traffic=leaving)
    if phase == "verifying":
        return Verifying(**known, traffic=left)
    if phase == "recovered":
        return Recovered(**known, traffic=left, recovered=times["recovered"])
    return Ineffective(**known, traffic=leaving if applied is None else left)


def _some(old: Fields, names: tuple[str, ...]) -> Fields:
    return {name: old[name] for name in names if name in old}
