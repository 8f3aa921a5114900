"""Quiet time costs nothing: panes that would change nothing are not gone through, and what is said stays the same."""

import json
import operator
from random import Random
from typing import Any

import pytest

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import PaneOutcome
from operators.policy_file.toml import parse
from tests.dataflows.running import exact, run_flow
from tests.oracle import Log
from tests.policies import base, sli

START_MS = 1_760_000_003_700
DAY_MS = 86_400_000
POLICY = (
    base("region", pane="1m", tumbling=["1m"], sliding=[("5m", "1m"), ("1h", "5m")], measures=["latency_ms"])
    + sli("availability", "no_error")
    + """
[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.9
window = "2h"
action = "alert"
[[rule]]
name = "budget"
kind = "burn_rate"
sli = "availability"
target = 0.95
tiers = [{ share = 0.02, long = "6h", short = "30m", severity = "page" }]
action = "alert"
[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "mean"
at_most = 80
window = "5m"
n_min = 3
action = "alert"
[[rule]]
name = "gone"
kind = "absence"
after = "20m"
[[monitor]]
name = "errors"
kind = "adwin"
on = ["sli.availability"]
"""
)


def log(seed: int, count: int = 45) -> Log:
    """Events minutes and now and then hours or days apart, with bursts in which most fail."""
    random, ts, messages = Random(seed), START_MS, []
    for number in range(count):
        ts += random.choice([1_000, 1_000, 20_000, 300_000, 2_400_000] + [DAY_MS] * (number % 22 == 0))
        failing = number % 30 > 20
        event = {
            "request_id": f"r{number}",
            "ts": ts,
            "model": f"m{random.randrange(2)}",
            "version": "v1",
            "error_type": "timeout" if failing else None,
            "slices": {"region": random.choice(["eu", "us"])},
            "latency_ms": random.randrange(200),
        }
        messages.append(json.dumps(event).encode())
    return Log("events/0", "events", messages)


def test_the_same_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sparse events, with and without leaving out panes: the same rows and control events, in far fewer steps."""
    policy, random, steps = parse(POLICY), Random(1), [0]
    step = ShardEvaluation._step

    def counted(self: ShardEvaluation, *of: Any) -> PaneOutcome:
        steps[-1] += 1
        return step(self, *of)

    monkeypatch.setattr(ShardEvaluation, "_step", counted)
    sizes = [random.choice([1, 3, 50]) for _ in range(100)]
    few = run_flow(policy, [log(0)], START_MS + 90 * DAY_MS, sizes=iter(sizes).__next__)
    monkeypatch.setattr(ShardEvaluation, "_still_until", lambda self, windows=(): 0)
    steps.append(0)
    all_of_them = run_flow(policy, [log(0)], START_MS + 90 * DAY_MS)
    assert few.tables["verdict"]
    assert few.control
    assert exact(few.tables) == exact(all_of_them.tables)
    by_revision = operator.attrgetter("model", "revision")  # Models of two shards may take turns.
    assert sorted(few.control, key=by_revision) == sorted(all_of_them.control, key=by_revision)
    assert steps[0] < steps[1] / 2
    assert steps[0] < 10 * few.items
