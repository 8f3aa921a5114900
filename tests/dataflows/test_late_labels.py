"""Labels that come late through the whole dataflow: what is said of a release is a function of the logs and the policy.

Good labels come after half a minute and bad ones after two, so by the time when they come the candidate, which is three
times as bad, looks better at first.
"""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from operators.policy_file.toml import parse
from tests.dataflows.making import STARTED_MS
from tests.dataflows.running import exact, run_flow, run_pure, tables_of
from tests.dataflows.test_control_determinism import said
from tests.dataflows.test_recovery import run_through_crashes
from tests.oracle import Log
from tests.policies import base, sli, table

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
START_MS = 1_760_000_000_000
SECONDS, RELEASE_S = 1_500, 700
POLICY = parse(
    base("region", late_horizon="10m", future_tolerance="1m")
    + table("dedup", horizon="0s")
    + sli("quality", "at_least", field="feedback.judge", limit=4)
    + """
[[rule]]
name = "canary"
kind = "canary"
slis = ["quality"]
blip = "0s"
action = "rollback"
slices = ["*", "region"]
[release]
settle = "1m"
warm_up = "0s"
"""
)


def logs(seed: int, dated: bool = True) -> list[Log]:
    random = Random(seed)
    events: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for second in range(SECONDS):
        for number in range(4):
            version = "v2" if second >= RELEASE_S and number < 2 else "v1"
            bad = random.random() < (0.3 if version == "v2" else 0.1)
            ts = START_MS + second * 1_000 + random.randrange(1_000)
            known = {
                "request_id": f"{second}/{number}",
                "model": "m",
                "version": version,
                "slices": {"region": random.choice(["eu", "us"])},
            }
            events.append(known | {"ts": ts})
            came = ts + int((120_000 if bad else 30_000) * (0.5 + random.random()))
            label = known | {"ts": came, "kind": "judge", "value": 1 if bad else 5}
            labels.append(label | {"request_ts": ts} if dated else label)
    labels.sort(key=lambda label: label["ts"] + random.randrange(4_000))  # Within the disorder that is allowed.
    halves = [[json.dumps(label).encode() for label in labels[half::2]] for half in (0, 1)]
    return [
        Log("events", "events", [json.dumps(event).encode() for event in events]),
        *(Log(f"labels{half}", "feedback", lines) for half, lines in enumerate(halves)),
    ]


@pytest.fixture(scope="module")
def wanted() -> tuple[list[bytes], list[str]]:
    ran = run_flow(POLICY, logs(1), STARTED_MS, sizes=lambda: 500)
    assert "promote" not in {event.type for event in ran.control}
    rollback = next(event for event in ran.control if event.type == "rollback")
    maturity = rollback.evidence.maturity
    assert maturity is not None
    assert (maturity.learned, maturity.final, maturity.undated) == (True, True, 0)
    assert 160_000 <= maturity.age_ms <= 210_000
    assert rollback.ts <= START_MS + RELEASE_S * 1_000 + maturity.age_ms + 180_000
    # The harm is dated by when the requests were made.
    assert rollback.onset is not None
    assert 0 <= rollback.onset - START_MS - RELEASE_S * 1_000 <= 60_000
    return said(ran.control), exact(ran.tables)


def test_by_the_time_when_labels_come_it_would_have_been_promoted() -> None:
    ran = run_flow(POLICY, logs(1, dated=False), STARTED_MS, sizes=lambda: 500)
    assert "promote" in {event.type for event in ran.control}


@pytest.mark.parametrize("size", [7 if PROVE else 31, 100_000])
def test_batches_do_not_show(wanted: tuple[list[bytes], list[str]], size: int) -> None:
    random = Random(size)
    ran = run_flow(POLICY, logs(1), STARTED_MS, sizes=lambda: size, pauses=lambda _: random.choice([0, 0, 5]))
    assert said(ran.control) == wanted[0]
    assert exact(ran.tables) == wanted[1]


def test_any_interleaving_gives_the_same(wanted: tuple[list[bytes], list[str]]) -> None:
    assert exact(run_pure(POLICY, logs(1), STARTED_MS, Random(3), 400)) == wanted[1]


def test_crashes_do_not_show(wanted: tuple[list[bytes], list[str]], tmp_path: Path) -> None:
    random = Random(4)
    runs = run_through_crashes(POLICY, logs(1), tmp_path, lambda: (random.randint(1, 12), random.randint(200, 500)))
    assert len(runs) > 2
    assert said([event for run in runs for event in run.control]) == wanted[0]
    written = tables_of(rows for run in runs for rows in run.rows)
    assert sorted(set(exact(written))) == sorted(set(wanted[1]))
