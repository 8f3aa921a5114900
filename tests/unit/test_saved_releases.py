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
from tests.releasing import CANARY, THRESHOLD, Story


class OldCause(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    runbook: str
    slices: tuple[Any, ...]
    evidence: Evidence
    sli: int | None = None
    bad_max: float | None = None
    bad_well: float | None = None
    by_hand: bool = False


class OldRelease(msgspec.Struct, kw_only=True):
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


CHANGED = {"release": OldRelease, "release.cause": OldCause}
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
    old = OldRelease(candidate="v2", baseline="v1", since=3, phase=phase, unseen=("v1",), **(out | fields))
    (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
    assert new == ReleaseState(candidate="v2", baseline="v1", since=3, unseen=("v1",), state=state)
    (again,) = from_bytes_of(REGISTRY, to_bytes_of(REGISTRY, new))
    assert again == new


def test_one_that_has_left_and_did_not_help_is_so() -> None:
    old = OldRelease(candidate="v2", baseline="v1", since=3, phase="ineffective", cause=OLD_CAUSE, applied=7, **OUT)
    (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
    assert new.state == Ineffective(cause=CAUSE, **OUT, traffic=Left(applied=7))


def test_a_cause_without_an_sli_has_no_level() -> None:
    for known in ({}, {"sli": 1}):
        old = OldCause(rule="p95", runbook="r", slices=(), evidence=Evidence(), **known)  # type: ignore[arg-type]
        (new,) = from_bytes_of(REGISTRY, to_bytes_of(BEFORE, old))
        assert new == Cause(rule="p95", runbook="r", slices=(), evidence=Evidence())


RENAMED: dict[str, dict[str, str]] = {
    "input.late": {"told": "announced"},
    "input.refused": {"told": "announced"},
    "input.behind": {"told": "announced"},
    "panes.sent": {"told": "reports"},
    "model": {"speaker": "writer", "trials": "releases"},
    "model.incident": {"told": "alerted"},
    "model.firing": {"told": "earlier"},
    "release": {"release": "declared"},
    "release.replaced": {"told": "alerted"},
    "canary": {f"_{name}": name for name in REGISTRY.by_name["canary"].names if name != "rule"},
    "drift": {"_told": "_announced"},
    "monitors": {"told": "stored"},
    **{rule: {"_standing": "_series_state"} for rule in ("absence", "burn_rate", "measure", "threshold")},
}

VERSIONS = {"model": 1}  # Under which fields had those names, where it is not the last version before.


class Before(Saved):
    """A class as it was saved when its fields had their names of before."""

    def __init__(self, now: Saved, renamed: dict[str, str]) -> None:
        self.__dict__.update(now.__dict__)
        self._now, self.version = now, VERSIONS.get(now.name, now.version - 1)
        old = {new: old for old, new in renamed.items()}
        self.names = tuple(old.get(name, name) for name in now.names)
        assert self.names != now.names

    def values_of(self, each: Any) -> Any:
        return self._now.values_of(each)

    def columns_of(self, each: Any) -> Any:
        return self._now.columns_of(each)


def test_what_was_saved_under_the_names_of_before_loads() -> None:
    story = Story(THRESHOLD + CANARY).settled()
    story.play({"v1": (400, 0), "v2": (20, 20)}, panes=10)
    state = story.judge.state
    entries = REGISTRY.by_name.items()
    before = Registry(Before(each, RENAMED[name]) if name in RENAMED else each for name, each in entries)
    old = to_bytes_of(before, state)
    assert [name in old for name in (b"speaker", b"_standing", b"writer", b"_series_state")] == [
        True,
        True,
        False,
        False,
    ]
    (new,) = from_bytes_of(REGISTRY, old)
    assert to_bytes_of(REGISTRY, new) == to_bytes_of(REGISTRY, state)
    assert new.models["m"].releases.keys() == {"v2"}


@pytest.mark.parametrize("name", RENAMED)
def test_each_field_keeps_what_it_had_under_its_name_of_before(name: str) -> None:
    now = REGISTRY.by_name[name]
    fields = dict.fromkeys(RENAMED[name], 7)
    assert now.upgraded(VERSIONS.get(name, now.version - 1), fields) == dict.fromkeys(RENAMED[name].values(), 7)


def test_what_was_kept_of_judges_before_it_was_kept_by_version_is_left_out() -> None:
    assert REGISTRY.by_name["model"].upgraded(2, {"doubted": {"quality": 0}, "settled": True}) == {"settled": True}
