"""Names made up by the thousand: what is real keeps its place, all is counted, and people are told."""

import json
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest

from operators.policy.policy import Policy
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.release.contexts import Contexts
from operators.release.model import Model
from operators.window.panes import Panes
from operators.window.shards import models_room, shard_of
from operators.wire.control import ControlEvent
from tests.dataflows.making import STARTED_MS
from tests.dataflows.running import Ran, exact, run_flow, run_pure, run_shards
from tests.oracle import Log
from tests.policies import base, sli

START_MS = 1_760_000_000_000
RULES = """
[[rule]]
name = "canary"
kind = "canary"
blip = "0s"
slis = ["availability"]
action = "rollback"
slices = ["*", "region"]

[[rule]]
name = "gone"
kind = "absence"
scope = "model"
after = "2m"

[release]
warm_up = "0s"
settle = "1m"
"""


def policy(**limits: int) -> Policy:
    tables = base(
        "region",
        late_horizon="10m",
        future_tolerance="1m",
        sliding=[("1m", "10s")],
        measures=["latency_ms"],
        limits=limits,
    )
    return parse(tables + sli("availability", "no_error") + RULES)


def body(ts: int, version: str, model: str = "m", **fields: Any) -> dict[str, Any]:
    request = {"request_id": f"r{ts}", "ts": ts, "model": model, "version": version, "latency_ms": 5}
    return request | {"slices": {"region": "eu"}} | fields


def log(bodies: list[dict[str, Any]], name: str = "a", stream: str = "events") -> Log:
    return Log(name, stream, [json.dumps(each).encode() for each in sorted(bodies, key=lambda each: each["ts"])])


def release(seconds: int = 900, begins: int = 200, errors: float = 0.4) -> list[dict[str, Any]]:
    """Version v1 at nine requests a second, and from `begins` on v2 at one, which fails often."""
    random, bodies = Random(1), []
    for second in range(seconds):
        for part in range(10):
            version = "v2" if part == 0 and second >= begins else "v1"
            bad = random.random() < (errors if version == "v2" else 0.02)
            at = START_MS + second * 1_000 + part * 97
            bodies.append(body(at, version, error_type="500" if bad else None))
    return bodies


def versions_made_up(second: int = 190, count: int = 100) -> list[dict[str, Any]]:
    return [body(START_MS + second * 1_000 + index, f"made-up-{index}") for index in range(count)]


def rolled_back(ran: Ran) -> list[ControlEvent]:
    return [event for event in ran.control if event.type == "rollback"]


def told(ran: Ran, rule: str) -> list[ControlEvent]:
    return [event for event in ran.control if event.rule == rule]


def test_a_hundred_versions_made_up_in_a_second_do_not_hide_a_bad_candidate() -> None:
    """The candidate was counted under `__other__` for a day, and never rolled back."""
    alone = rolled_back(run_flow(policy(), [log(release())], STARTED_MS))
    ran = run_flow(policy(), [log(release() + versions_made_up())], STARTED_MS)
    (event,) = [event for event in rolled_back(ran) if event.version == "v2"]
    assert event.ts <= alone[0].ts + 30_000
    assert event.pin == "v1"
    (firing,) = [each for each in told(ran, "limits:versions") if each.state == "firing"]
    assert "versions beyond slices.versions_max" in firing.reason
    (over,) = [each for each in told(ran, "limits:versions") if each.state == "resolved"]
    assert over.ts - firing.ts >= 600_000
    assert sum(row["n"] for row in ran.tables["outcome_pane"]) == ran.items


def test_a_declared_candidate_has_its_place_from_its_first_request_on() -> None:
    """With one request in ten seconds it would wait for long; 100 others have a hundred requests each."""
    small = [body(START_MS + second * 1_000, "v2") for second in range(200, 400, 10)]
    others = [each for second in range(190, 290) for each in versions_made_up(second)]
    said = {"id": "c", "ts": START_MS + 180_000, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
    events = log([*release(400, begins=400), *others, *small])
    without = run_flow(policy(), [events], STARTED_MS)
    assert "v2" not in {row["version"] for row in without.tables["outcome_pane"]}
    ran = run_flow(policy(), [events, log([said], "c", "commands")], STARTED_MS)
    of_v2 = sum(row["n"] for row in ran.tables["outcome_pane"] if row["version"] == "v2")
    assert of_v2 == len(small)


def made_up_models(count: int, seconds: int = 120) -> list[dict[str, Any]]:
    return [body(START_MS + index * seconds * 1_000 // count, "v1", f"made-up-{index}") for index in range(count)]


def test_models_beyond_the_limit_are_counted_as_the_rest_and_told_of_once() -> None:
    real = release(400, begins=100)
    made_up = made_up_models(3_000)
    limited = policy(models_max=1)
    ran = run_flow(limited, [log(real), log(made_up, "b")], STARTED_MS, sizes=lambda: 700)
    tables = ran.tables
    assert sum(row["n"] for row in tables["outcome_pane"]) == len(real) + len(made_up)
    models = {row["model"] for row in tables["outcome_pane"]} - {"__other__"}
    assert len(models) <= SHARDS * models_room(1, SHARDS)
    assert "m" in models
    # No two shards write the same row, and of what nobody judges there are no windows.
    keys = Counter(
        (row["model"], row["version"], row["slice"], row["error_type"], row["pane_start"])
        for row in tables["outcome_pane"]
    )
    assert max(keys.values()) == 1
    assert {row["version"] for row in tables["outcome_pane"] if row["model"] == "__other__"} <= {
        f"s{shard:02d}" for shard in range(SHARDS)
    }
    assert "__other__" not in {row["model"] for row in tables["sli_window"]} | {event.model for event in ran.control}
    firing = [event for event in told(ran, "limits:models") if event.state == "firing"]
    assert max(Counter(event.model for event in firing).values()) == 1
    assert {event.model for event in firing} <= {f"__other__/s{shard:02d}" for shard in range(SHARDS)}
    assert [event.version for event in rolled_back(ran)] == ["v2"]
    other = run_pure(limited, [log(real), log(made_up, "b")], STARTED_MS, Random(2), 400)
    assert exact(other) == exact(tables)


def test_a_model_with_traffic_takes_the_place_of_made_up_ones() -> None:
    shard = shard_of("m", SHARDS)
    same = [name for index in range(2_000) if shard_of(name := f"made-up-{index}", SHARDS) == shard]
    first = [body(START_MS + index, "v1", name) for index, name in enumerate(same)]
    bodies = [body(START_MS + 20_000 + index * 100, "v1") for index in range(3_000)]
    ran = run_flow(policy(models_max=2), [log(first + bodies)], STARTED_MS)
    of_m = sum(row["n"] for row in ran.tables["outcome_pane"] if row["model"] == "m")
    assert len(same) > 3 * models_room(2, SHARDS)
    assert of_m == len(bodies)


def test_thousands_of_made_up_models_take_little_memory_and_work() -> None:
    """5,000 models of one event each took 1.7 GB and two minutes: each was looked at again with every pane."""
    limited = policy(models_max=1)
    stepped: Counter[str] = Counter()
    before = Contexts.of

    def count(self: Contexts, *args: Any, **named: Any) -> Any:
        stepped["models"] += 1
        return before(self, *args, **named)

    bodies = made_up_models(5_000, seconds=600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Contexts, "of", count)
        shards = run_shards(limited, [log(bodies)], STARTED_MS, 2_500)
    room = models_room(1, SHARDS)
    assert all(len(panes.limits.models.last[""]) <= room for panes in shards.panes.values())
    assert all(len(panes.limits.versions.last) <= room for panes in shards.panes.values())
    assert all(len(panes.limits.models.waiting[""]) <= room for panes in shards.panes.values())
    assert all(len(judge.state.models) <= room + 1 for judge in shards.judges.values())
    assert all(len(judge.state.roster.names) <= 10 * room for judge in shards.judges.values())
    # A model is looked at until it has settled, and when its absence is told: not with each of 60 panes. The rest of a
    # shard is, for as long as there is one.
    assert stepped["models"] < SHARDS * (12 * room + 60)


def test_models_come_and_go_and_are_forgotten() -> None:
    """Each of them has traffic enough for a place; the judge remembers four times as many as have one."""
    shard = shard_of("m", SHARDS)
    same = [name for index in range(80_000) if shard_of(name := f"x{index}", SHARDS) == shard][:120]
    bodies = [
        body(START_MS + (index // 4) * 600_000 + event, "v1", name)
        for index, name in enumerate(same)
        for event in range(30)
    ]
    shards = run_shards(policy(models_max=64), [log(bodies)], STARTED_MS, 5_000)
    (judge,) = [judge for judge in shards.judges.values() if judge.state.models]
    assert len(judge.state.models) == max(64, 4 * models_room(64, SHARDS))
    assert same[-1] in judge.state.models
    assert same[0] not in judge.state.models
    gone = [event for event in shards.events if event.state == "resolved" and "forgotten" in event.reason]
    still = {event.model for event in shards.events if event.rule == "gone" and event.state == "firing"}
    assert {event.model for event in gone} == still - judge.state.models.keys()


def test_models_that_rest_are_left_out_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same verdicts and events, to the byte, as if every model were looked at with every pane."""
    random = Random(4)
    bodies = release(700, begins=100)
    for index in range(40):
        begins, version = 600 * random.random(), 1
        for _ in range(random.randrange(1, 60)):
            version += random.random() < 0.1
            begins += random.expovariate(0.05)
            at = START_MS + int(begins * 1_000)
            bad = "500" if random.random() < 0.3 else None
            bodies.append(body(at, f"v{version}", f"model-{index % 20}", error_type=bad))
    until = START_MS + 300_000
    silence = {"id": "s", "ts": START_MS + 60_000, "type": "silence", "rule": "gone", "until": until}
    logs = [log(bodies), log([silence], "c", "commands")]
    lazy = run_flow(policy(), logs, STARTED_MS)
    monkeypatch.setattr(Model, "rests", False)
    every = run_flow(policy(), logs, STARTED_MS)
    assert lazy.control == every.control
    assert exact(lazy.tables) == exact(every.tables)
    kinds: dict[str, set[str]] = defaultdict(set)
    for event in lazy.control:
        kinds[event.type].add(event.rule)
    assert {"alert", "rollback"} <= kinds.keys()


def test_what_limits_keep_is_saved() -> None:
    panes = Panes(policy())
    panes.limits.declared["m"] = ["v1", "v2"]
    panes.limits.models.last[""] = {("m",): 5}
    again = Panes(policy(), panes.save())
    assert again.limits == panes.limits
