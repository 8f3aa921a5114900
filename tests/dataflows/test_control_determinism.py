"""Control events and verdicts are a function of the logs and the policy: ids, revisions and bytes."""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.dataflows.making import STARTED_MS
from tests.dataflows.running import exact, run_flow, run_pure, tables_of
from tests.dataflows.test_recovery import run_through_crashes
from tests.oracle import Log
from tests.policies import base, sli, table

START_MS = 1_760_000_000_000
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SECONDS = 1_500
HARM_S = 700
POLICY = parse(
    base("region", late_horizon="10m", future_tolerance="1m", sliding=[("1m", "10s")], measures=["latency_ms"])
    # After a crash the horizon is read again: a few reads from one crash to the next would get nowhere.
    + table("dedup", horizon="0s")
    + sli("availability", "no_error")
    + """
[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.9
window = "1m"
for = "1m"
severity = "page"
slices = ["*", "region"]

[[rule]]
name = "budget"
kind = "burn_rate"
sli = "availability"
target = 0.9
period = "1d"
tiers = [{ share = 0.05, long = "10m", short = "1m", severity = "ticket" }]

[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "p90"
window = "1m"
at_most = 150
n_min = 5

[[rule]]
name = "silent"
kind = "absence"
scope = "version"
after = "1m"

[[rule]]
name = "canary"
kind = "canary"
slis = ["availability"]
action = "rollback"
slices = ["*", "region"]

[release]
settle = "1m"
deadline = "3m"
cooldown = "1m"
"""
)


def event(random: Random, second: int, model: str) -> dict[str, Any]:
    """Model a gets v2 at 100 s; it fails from HARM_S on. Model b is quiet for minutes, and both are silent at times."""
    version = "v2" if second > 100 and random.random() < 0.4 else "v1"
    harmed = version == "v2" and model == "a" and second > HARM_S
    return {
        "request_id": f"{random.getrandbits(48)}",
        "ts": START_MS + second * 1_000 - random.randrange(8_000),
        "model": model,
        "version": version,
        "slices": {"region": random.choice(["eu", "us"])},
        "error_type": "500" if random.random() < (0.4 if harmed else 0.02) else None,
        "latency_ms": random.lognormvariate(5 if second > 900 else 4, 0.3),
    }


def logs(seed: int) -> list[Log]:
    random = Random(seed)
    partitions = [
        [
            event(random, second, model)
            for second in range(SECONDS)
            for model in ("a", "b")
            if not 1_000 < second < 1_200 and (model == "a" or second % 500 < 300) and random.random() < 0.8
        ]
        for _ in range(2)
    ]
    commands: list[dict[str, Any]] = [
        {"type": "silence", "id": "1", "ts": START_MS + 5_000, "rule": "slow", "until": START_MS + 1_000_000},
        {"type": "release", "id": "2", "ts": START_MS + 90_000, "model": "a", "candidate": "v2", "baseline": "v1"},
        {"type": "nonsense"},
        {"type": "override", "id": "3", "ts": START_MS + 1_300_000, "model": "a", "version": "v2"},
        {"type": "override", "id": "4", "ts": START_MS + 1_400_000, "model": "a", "version": "v2", "revoked": True},
    ]
    return [
        *(Log(f"events{index}", "events", _lines(items)) for index, items in enumerate(partitions)),
        Log("commands", "commands", _lines(commands)),
    ]


def _lines(items: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(item).encode() for item in items]


def said(events: list[ControlEvent]) -> list[bytes]:
    """All that was said, each once, model by model in order."""
    return sorted({msgspec.json.encode(event) for event in events}, key=_place)


def _place(line: bytes) -> tuple[str, int]:
    event = msgspec.json.decode(line, type=ControlEvent)
    return event.model, event.revision


@pytest.fixture(scope="module")
def wanted() -> tuple[list[bytes], list[str]]:
    ran = run_flow(POLICY, logs(1), STARTED_MS, sizes=lambda: 50)
    types = {event.type for event in ran.control}
    assert {"alert", "rollback", "rollback_ineffective"} <= types, "the logs are to hold something to agree on"
    assert {event.rule for event in ran.control} >= {"slow", "silent", "canary", "override", "commands:wrong_type"}
    assert any(event.silenced for event in ran.control)
    return said(ran.control), exact(ran.tables)


@pytest.mark.parametrize("size", [1 if PROVE else 5, 13, 100_000])
def test_batches_do_not_show(wanted: tuple[list[bytes], list[str]], size: int) -> None:
    random = Random(size)
    ran = run_flow(POLICY, logs(1), STARTED_MS, sizes=lambda: size, pauses=lambda _: random.choice([0, 0, 5]))
    assert said(ran.control) == wanted[0]
    assert exact(ran.tables) == wanted[1]


@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving_gives_the_same(wanted: tuple[list[bytes], list[str]], seed: int) -> None:
    assert exact(run_pure(POLICY, logs(1), STARTED_MS, Random(seed), 200)) == wanted[1]


@pytest.mark.parametrize("seed", range(2))
def test_crashes_do_not_show(wanted: tuple[list[bytes], list[str]], seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    runs = run_through_crashes(POLICY, logs(1), tmp_path, lambda: (random.randint(1, 12), random.randint(50, 200)))
    assert len(runs) > 4
    assert said([event for run in runs for event in run.control]) == wanted[0]
    written = tables_of(rows for run in runs for rows in run.rows)
    assert sorted(set(exact(written))) == sorted(set(wanted[1]))
