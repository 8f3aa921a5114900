"""A model that another policy file takes since a restart: what was decided of it stays, and one file alone speaks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import cast

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.layouts import gone_on
from flows.recovery.parts import parts_of
from flows.recovery.saved import EVALUATION, PANES, states_of
from operators.handing_over import Coming, coming
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.window.waiting_commands import TakenIn
from operators.wire.control import ControlEvent
from tests.dataflows.test_recovery import run_until_crash
from tests.oracle import Log
from tests.policies import base, sli, table

START_MS = 1_760_000_000_000
WITHDRAWN_S, MOVED_S, AGAIN_S, END_S = 230, 500, 600, 900
SIZE = 40  # Messages of a read: with two a second, one of 20 s.
RULES = """
[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.9
window = "1m"
[[rule]]
name = "{silent}"
kind = "absence"
after = "1m"
[[rule]]
name = "canary"
kind = "canary"
slis = ["availability"]
action = "rollback"
blip = "0s"
[release]
settle = "1m"
deadline = "3m"
"""
TIMES = base("region", late_horizon="10m", sliding=[("1m", "10s")], measures=["latency_ms"])
OWN = TIMES + table("dedup", horizon="0s") + sli("availability", "no_error") + RULES.format(silent="silent")
# Of this one no count has the column that it has in the others.
OTHER = (
    base(late_horizon="10m", tumbling=["2m"], measures=["output_tokens"])
    + table("dedup", horizon="0s")
    + sli("all", "no_error")
    + sli("fast", "at_most", field="latency_ms", limit=5)
    + sli("availability", "no_error", errors=["500"])
    + RULES.format(silent="gone").replace('"1m"', '"2m"', 1)
)


def of(models: Sequence[str], text: str = OWN) -> str:
    return f"models = {json.dumps(models)}\n{text}"


FIRST = {"x": of(["a"]), "y": of(["b"])}
# The file of model a is renamed; another one has it too; one that counts otherwise has it; the rest has it.
MOVED: Mapping[str, Mapping[str, str]] = {
    "renamed": {"z": of(["a"]), "y": of(["b"])},
    "joined": {"x": of(["c"]), "y": of(["a", "b"])},
    "other": {"x": of(["c"]), "y": of(["b"]), "z": of(["a"], OTHER)},
    "known": {"x": of(["b"], OTHER), "y": of(["a"])},
    "rest": {"default": OWN, "y": of(["b"])},
}
NOBODYS = {"x": of(["c"]), "y": of(["b"])}


def event(random: Random, second: int, model: str) -> dict[str, object]:
    """Version v2 of model a begins, fails, and is gone once it is withdrawn; then v1 fails for a while.

    Model b is there all the time.
    """
    version = "v2" if model == "a" and 100 < second < WITHDRAWN_S and random.random() < 0.5 else "v1"
    fails = model == "a" and (version == "v2" if second < WITHDRAWN_S else AGAIN_S < second < AGAIN_S + 100)
    return {
        "request_id": f"{random.getrandbits(48)}",
        "ts": START_MS + second * 1_000,
        "model": model,
        "version": version,
        "slices": {"region": "eu"},
        "error_type": "500" if fails and second > 200 and random.random() < 0.7 else None,
        "latency_ms": 10.0,
    }


def log() -> Log:
    random = Random(3)
    return Log(
        "events",
        "events",
        [json.dumps(event(random, second, model)).encode() for second in range(END_S) for model in ("a", "b")],
    )


def said(
    store: Path, files: Sequence[tuple[Mapping[str, str], int]], some: Sequence[Log] = ()
) -> list[list[ControlEvent]]:
    """What is said of model a under each folder of files in turn, each until a time [s]; "" is a file by itself."""
    store.mkdir(exist_ok=True)
    init_db_dir(store, 1)  # type: ignore[no-untyped-call]
    some, before, found = some or [log()], 0, []
    for texts, until in files:
        new = limited(parse(texts[""])) if "" in texts else parse_teams(texts)
        policy = gone_on(store, parts_of(store), new)
        reads = (until - before) * 2 // SIZE if until < END_S else 10_000
        before = until
        found.append([each for each in run_until_crash(policy, some, store, reads, SIZE).control if each.model == "a"])
    return found


@pytest.mark.parametrize("name", MOVED)
def test_what_was_withdrawn_stays_so_whichever_file_has_the_model(name: str, tmp_path: Path) -> None:
    before, after = said(tmp_path, [(FIRST, MOVED_S), (MOVED[name], END_S)])
    assert [(each.type, each.pin) for each in before if each.type == "rollback"] == [("rollback", "v1")]
    alerts = {each.rule for each in after if each.type == "alert" and each.state == "firing"}
    assert alerts == {"slo"}, "v1 fails, and nothing is missing"
    assert {(each.pin, each.barred) for each in after} == {("v1", ("v2",))}
    assert min(each.revision for each in after) > max(each.revision for each in before)


def test_restarts_after_a_move_do_not_show_and_nothing_is_kept_twice_for_long(tmp_path: Path) -> None:
    moved = MOVED["joined"]
    _, *once = said(tmp_path / "once", [(FIRST, MOVED_S), (moved, END_S)])
    some = [MOVED_S + 20, MOVED_S + 60, AGAIN_S + 60, AGAIN_S + 80, END_S]
    _, *often = said(tmp_path / "often", [(FIRST, MOVED_S), *((moved, until) for until in some)])
    assert {each.id: each for part in often for each in part} == {each.id: each for part in once for each in part}
    known = [states_of(parts_of(tmp_path / "often"), step) for step in (EVALUATION, PANES)]
    assert coming(gone_on(tmp_path / "often", parts_of(tmp_path / "often"), parse_teams(moved)), *known) == Coming()


def test_an_alert_that_fires_when_no_file_takes_the_model_any_more_is_over(tmp_path: Path) -> None:
    """And what was withdrawn is so still when a file takes it again."""
    first, second, third = said(
        tmp_path, [(FIRST, AGAIN_S + 60), (NOBODYS, AGAIN_S + 160), ({"z": of(["a"]), "x": of(["c"])}, END_S)]
    )
    assert [(each.rule, each.state) for each in first][-1] == ("slo", "firing")
    assert [(each.rule, each.version) for each in second] == [("slo", "v1"), ("canary", "v2"), ("canary", "v2")]
    assert {(each.state, each.closes, each.pin, each.reason) for each in second} == {
        ("resolved", True, "v1", "no policy file takes it any more")
    }
    assert {(each.pin, each.barred) for each in third} <= {("v1", ("v2",))}


def test_an_alert_of_what_no_rule_of_another_file_looks_at_is_over(tmp_path: Path) -> None:
    """It fired for ever."""
    sliced = OWN.replace('window = "1m"', 'window = "1m"\nslices = ["region"]')
    first = FIRST | {"x": of(["a"], sliced)}
    before, after = said(tmp_path, [(first, AGAIN_S + 60), (MOVED["other"], END_S)])
    told = [each for each in [*before, *after] if each.rule == "slo"]
    assert [(each.state, [one.slice for one in each.slices]) for each in told] == [
        ("firing", ["region=eu"]),
        ("resolved", ["region=eu"]),
        ("firing", ["*"]),
        ("resolved", ["*"]),
    ]
    assert (told[1].reason, told[1].incident) == ("slo looks at something else now", told[0].incident)


def falling_silent() -> Log:
    """Model a fails until the file changes, and is never heard of again; model b serves all the time."""
    random = Random(4)
    failing = [event(random, second, "a") | {"version": "v1", "error_type": "500"} for second in range(MOVED_S)]
    served = [event(random, second, "b") for second in range(END_S)]
    both = sorted([*failing, *served], key=lambda each: cast(int, each["ts"]))
    return Log("events", "events", [json.dumps(each).encode() for each in both])


OTHERS = OWN.replace('name = "slo"', 'name = "level"').replace('name = "silent"', 'name = "gone"')
QUIET: Mapping[str, Sequence[Mapping[str, str]]] = {
    "joined": [{"x": of(["c"], OTHERS), "y": of(["a", "b"], OTHERS)}],
    "restarted": [{"x": of(["c"], OTHERS), "y": of(["a", "b"], OTHERS)}] * 2,
    "back": [NOBODYS, {"x": of(["a"], OTHERS), "y": of(["b"])}],
    "alone": [{"": OTHERS}],
}


@pytest.mark.parametrize("name", QUIET)
def test_a_model_that_is_quiet_since_it_moved_is_taken_in_all_the_same(name: str, tmp_path: Path) -> None:
    """Nothing more comes of it: what its new file knows no rule for is over, and that nothing comes is missed."""
    times = [*range(MOVED_S + 20, AGAIN_S, 20)][: len(QUIET[name]) - 1]
    stages = [(FIRST, MOVED_S), *zip(QUIET[name], [*times, END_S], strict=True)]
    before, *after = said(tmp_path, stages, [falling_silent()])
    assert (before[-1].rule, before[-1].state) == ("slo", "firing")
    # One that is alone goes on with the panes that were open, and a new rule sees these.
    said_then = [(each.rule, each.state) for part in after for each in part if each.rule not in ("level", "canary")]
    assert said_then == [("slo", "resolved"), ("gone", "firing")]


@pytest.mark.parametrize("had", ["x", "y"])
@pytest.mark.parametrize(("back_s", "missed"), [(15, []), (60, ["firing", "resolved"])])
def test_a_model_that_was_nobodys_for_a_while_is_missed_from_the_start_on(
    back_s: int, missed: list[str], had: str, tmp_path: Path
) -> None:
    """It served, and nobody counted it; as a file takes it again nothing comes of it for a while.

    File x is there all the time without it; of y, which is gone, nothing is counted any more.
    """
    random = Random(5)
    served = [
        event(random, second, model) | {"version": "v1", "error_type": None}
        for second in range(END_S)
        for model in ("a", "b")
        if model == "b" or not MOVED_S - 25 < second < MOVED_S + back_s
    ]
    some = Log("events", "events", [json.dumps(each).encode() for each in served])
    first = {"x": of(["b"]), "y": of(["b"])} | {had: of(["a"])}
    *_, last = said(tmp_path, [(first, 300), ({"x": of(["c"])}, MOVED_S), ({"z": of(["a", "b"])}, END_S)], [some])
    assert [(each.rule, each.state) for each in last] == [("silent", state) for state in missed]


def test_a_model_that_falls_silent_as_it_comes_back_is_missed(tmp_path: Path) -> None:
    """Its file found it stale while another one had it, and nobody was told."""
    random, there = Random(4), {"x": of(["a", "c"]), "y": of(["b"])}
    names = [(second, name) for second in range(END_S) for name in "abc" if name != "a" or second < 440]
    events = [event(random, second, name) | {"version": "v1", "error_type": None} for second, name in names]
    logs = [Log("events", "events", [json.dumps(each).encode() for each in events])]
    found = said(tmp_path, [(there, 300), ({"x": of(["c"]), "y": of(["a", "b"])}, 700), (there, END_S)], logs)
    assert [[(each.rule, each.state) for each in part] for part in found] == [[], [], [("silent", "firing")]]


def test_models_are_taken_in_after_all_that_was_decided_of_them(tmp_path: Path) -> None:
    """Stopped just after a start no shard knows how far time is: panes were stepped through from 1970 on."""
    said(tmp_path, [(FIRST, MOVED_S)])
    known = [states_of(parts_of(tmp_path), step) for step in (EVALUATION, PANES)]
    found = coming(gone_on(tmp_path, parts_of(tmp_path), parse_teams(MOVED["joined"])), *known)
    times = [at for moved in found.commands.values() for at, each in moved.waiting if isinstance(each, TakenIn)]
    assert times
    assert all(START_MS + (MOVED_S - 60) * 1_000 < at <= START_MS + MOVED_S * 1_000 for at in times)
