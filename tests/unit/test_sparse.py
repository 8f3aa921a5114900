"""Quiet time costs nothing: panes that would change nothing are not gone through, and what is said stays the same."""

import json
import operator
from random import Random
from typing import Any

import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import PaneOutcome
from operators.policy_file.toml import parse
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.pane_counts import PaneCounts
from operators.rules.rings import Ring
from operators.rules.threshold import ThresholdEvaluator
from operators.sources.batch_span import GROWTH, PANES_MAX, BatchSpan
from operators.window.windows import Windows
from tests.dataflows.running import exact, run_flow
from tests.oracle import Log
from tests.policies import base, sli

START_MS = 1_760_000_003_700
DAY_MS = 86_400_000
NEXT_ENDS = Windows._next_ends
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


def _never(self: object, *of: Any) -> int:
    """Nobody knows of a pane that would change nothing."""
    return 0


def _every_end(self: Windows) -> list[int]:
    """Every hop is ended while something is in a window."""
    if any(step.slides for step in self.steps):
        return [((self.pane + 1) // step.panes + 1) * step.panes - 1 for step in self.steps]
    return NEXT_ENDS(self)


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
    for kind in (ShardEvaluation, ThresholdEvaluator, BurnRateEvaluator):
        monkeypatch.setattr(kind, "_still_until" if kind is ShardEvaluation else "still_until", _never)
    monkeypatch.setattr(Windows, "_next_ends", _every_end)
    monkeypatch.setattr(BatchSpan, "took", _never)
    steps.append(0)
    all_of_them = run_flow(policy, [log(0)], START_MS + 90 * DAY_MS)
    assert few.tables["verdict"]
    assert few.control
    assert len(few.tables["sli_window"]) > 10 * few.items, "windows that still hold an event end all the same"
    assert exact(few.tables) == exact(all_of_them.tables)
    by_revision = operator.attrgetter("model", "revision")  # Models of two shards may take turns.
    assert sorted(few.control, key=by_revision) == sorted(all_of_them.control, key=by_revision)
    assert steps[0] < steps[1] / 3
    assert steps[0] < 8 * few.items


def test_when_something_falls_out_of_a_ring_is_known_at_any_time() -> None:
    """What is kept of it is what the sums say, whatever came, went or was renumbered."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        ring, pane = Ring(int(rng.choice([30, 90, 360])), 0), int(rng.integers(10**6))
        ring.grow(3)
        for _ in range(60):
            pane += int(rng.choice([1, 2, 40, 400]))
            slots = np.flatnonzero(rng.random(3) < 0.2)
            slis = rng.integers(0, 3, (len(slots), 1, 3))
            none = np.zeros(0, np.int64)
            counts = PaneCounts(pane=pane, slots=slots, events=none, slis=slis, units=slis[:, :, :2])
            ring.push(counts, slots, np.arange(len(slots)))
            if rng.random() < 0.1:
                ring.only(np.array([2, 0, 1]))
            known, ring._held = ring.still_until, None
            assert known == ring.still_until
            assert known > pane


@pytest.mark.parametrize(("gap_ms", "least", "most"), [(1, 100_000, 10**9), (60_000, 300, 360), (3_600_000, 5, 6)])
def test_as_many_are_read_at_once_as_few_panes_hold(gap_ms: int, least: int, most: int) -> None:
    span, newest, read = BatchSpan(pane_ms=60_000), 0, 0
    for _ in range(20):
        before, read = read, span.messages_max
        newest += read * gap_ms
        span.took(read, newest)
        assert span.messages_max <= GROWTH * read
    assert least <= span.messages_max <= most
    assert before == read or most > 10**6, "it comes to rest"
    assert min(read, 10**6) * gap_ms <= PANES_MAX * 60_000 or read == 1
