"""Releases that were saved when one class knew every phase load, each in the state of its phase."""

from typing import Any

import msgspec
import pytest

from operators.release.cause import Cause, Level
from operators.release.phase_states import (
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
from operators.release.state import ReleaseState
from operators.saved.decode import from_bytes_of
from operators.saved.encode import to_bytes_of
from operators.saved.registry import Registry, Saved
from operators.saved_names import REGISTRY
from operators.stats.recovery_test import Health
from operators.stats.traffic_gone import Gone
from operators.stats.traffic_share import Excess
from operators.wire.control import Evidence


class OldCause(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    runbook: str
    slices: tuple[Any, ...]
    evidence: Evidence
    sli: int | None = None
    bad_max: float | None = None
    bad_well: float | None = None
    by_hand: bool = False


class OldTrial(msgspec.Struct, kw_only=True):
    """Every field of the first version."""

    candidate: str
    baseline: str
    since: int
    phase: str = "steady"
    release: Any = None
    split: Any = None
    holds: dict[str, str] = {}
    held: dict[str, str] = {}
    shared: dict[int, tuple[int, int]] = {}
    cause: OldCause | None = None
    onset: int | None = None
    detected: int | None = None
    applied: int | None = None
    recovered: int | None = None
    share: float = 0.0
    gone: Gone | None = None
    health: Health | None = None
    excess: Excess | None = None
    loose: bool = False
    throttled: bool = False
    usual: float = 0.0
    missed: int = 0
    silent: bool = False
    refuge: str | None = None
    unseen: tuple[str, ...] = ()
    producers: dict[int, dict[str, list[int]]] = {}
    requests: tuple[Any, ...] = ()
    found: dict[str, Any] = {}
    found_beside: dict[str, Any] = {}
    replaced: dict[str, Any] = {}


CHANGED = {"release": OldTrial, "release.cause": OldCause}
BEFORE = Registry(Saved(name, CHANGED[name]) if name in CHANGED else each for name, each in REGISTRY.by_name.items())
OLD_CAUSE = OldCause(rule="canary", runbook="r", slices=(), evidence=Evidence(), sli=1, bad_max=0.2, bad_well=0.1)
CAUSE = Cause(rule="canary", runbook="r", slices=(), evidence=Evidence(), level=Level(sli=1, bad_max=0.2, bad_well=0.1))
GONE, HEALTH, EXCESS = Gone(since=7, total=9, panes=2), Health(good=3, panes=1), Excess(requests=1, total=2)
OF_RULES: dict[str, Any] = {"holds": {"slo": "hold"}, "held": {"slo": "throttle"}, "throttled": True}
OUT: dict[str, Any] = {"onset": 1, "detected": 5, "share": 0.4, "refuge": "v1"}
CASES: dict[str, tuple[dict[str, Any], AnyState]] = {
    "serving": (OF_RULES, Serving(**OF_RULES)),
    "rolling_out": (OF_RULES | {"missed": 4, "usual": 0.5}, RollingOut(**OF_RULES, missed=4, usual=0.5)),
    "steady": (OF_RULES | {"shared": {0: (9, 1)}}, Promoted(**OF_RULES, shared={0: (9, 1)})),
    "rolled_back": (
        {"gone": GONE, "health": HEALTH, "loose": True, "excess": EXCESS},
        RolledBack(cause=CAUSE, **OUT, excess=EXCESS, traffic=Leaving(gone=GONE, health=HEALTH, loose=True)),
    ),
    "verifying": (
        {"applied": 7, "gone": GONE, "health": HEALTH},
        Verifying(cause=CAUSE, **OUT, traffic=Left(applied=7, health=HEALTH)),
    ),
    "recovered": (
        {"applied": 7, "recovered": 8, "health": HEALTH},
        Recovered(cause=CAUSE, **OUT, traffic=Left(applied=7, health=HEALTH), recovered=8),
    ),
    "ineffective": ({"loose": True}, Ineffective(cause=CAUSE, **OUT, traffic=Leaving(loose=True))),
    "overridden": ({"applied": 7}, Overridden(times=Times(onset=1, detected=5, applied=7))),
}


@pytest.mark.parametrize("phase", CASES)
def test_a_release_saved_before_there_was_a_state_per_phase_loads(phase: str) -> None:
    fields, state = CASES[phase]
    out = OUT | {"cause": OLD_CAUSE} if phase not in ("serving", "rolling_out", "steady") else {}
    old = OldTrial(candidate="v2", baseline="v1", since=3, phase=phase, unseen=("v1",), **(out | fields))
    (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
    assert new == ReleaseState(candidate="v2", baseline="v1", since=3, unseen=("v1",), state=state)
    (again,) = from_bytes_of(REGISTRY, to_bytes_of(REGISTRY, new))
    assert again == new


def test_one_that_has_left_and_did_not_help_is_so() -> None:
    old = OldTrial(candidate="v2", baseline="v1", since=3, phase="ineffective", cause=OLD_CAUSE, applied=7, **OUT)
    (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
    assert new.state == Ineffective(cause=CAUSE, **OUT, traffic=Left(applied=7))


def test_a_cause_without_an_sli_has_no_level() -> None:
    for known in ({}, {"sli": 1}):
        old = OldCause(rule="p95", runbook="r", slices=(), evidence=Evidence(), **known)  # type: ignore[arg-type]
        (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
        assert new == Cause(rule="p95", runbook="r", slices=(), evidence=Evidence())
