"""Monitors are a function of the closed panes: restarts, batches and quiet panes change no bit; memory is bounded."""

from typing import Any

import numpy as np
import pytest

from operators.drift import monitors
from operators.drift.monitors import Monitors
from operators.evaluation import ShardEvaluation
from operators.policy.policy import Policy
from tests.drifting import START_MS, D, H, Item, M, Run, event, judged_by, policy_of
from tests.saving import again
from tests.saving import saved as bytes_of

RNG = np.random.default_rng(5)
PROFILE: dict[str, list[Any]] = {
    "features.amount": RNG.random(2_000).tolist(),
    "features.card": ["visa", "amex"] * 500,
    "feedback.judge": [1.0, 2.0, 3.0, 4.0, 5.0] * 100,
}
ALL = """
[[monitor]]
name = "shift"
kind = "psi"
on = ["features.amount", "features.card"]
slices = ["*", "region"]
window = "1h"

[[monitor]]
name = "week"
kind = "psi"
on = "features.amount"
reference = "last_week"
window = "2h"

[[monitor]]
name = "arms"
kind = "psi"
on = "features.amount"
reference = "baseline"

[[monitor]]
name = "contract"
kind = "contract"
on = ["features.amount", "features.card"]
slices = ["*", "region"]

[[monitor]]
name = "judge"
kind = "sigma"
on = "feedback.judge"

[[monitor]]
name = "level"
kind = "adwin"
on = ["sli.ok", "latency_ms"]

[[monitor]]
name = "level-too"
kind = "page_hinkley"
on = "latency_ms"
slices = ["region"]

[[rule]]
name = "drifted"
kind = "drift"
monitors = ["shift", "contract", "level"]
slices = ["*", "region"]
"""


def eventful() -> tuple[list[Item], list[Item], list[Item]]:
    """Two weeks with gaps: a rise of latency, a feature out of range, one that is missing, and a candidate."""
    rng = np.random.default_rng(9)
    events, feedback = [], []
    for week in range(2):
        for minute in range(240):
            ts = START_MS + week * 7 * D + minute * M + (10 * H if minute >= 180 else 0)
            for at in range(6):
                version = "v2" if week and at == 5 else "v1"
                features: dict[str, Any] = {"amount": float(rng.random()), "card": ["visa", "amex"][at % 2]}
                if week and 60 <= minute < 120:
                    features["amount"] *= 100
                if week and minute >= 120:
                    del features["card"]
                latency = float(rng.gamma(4, 100 if week and minute >= 60 else 50))
                error = "timeout" if rng.random() < 0.05 else None
                fields = {
                    "features": features,
                    "latency_ms": latency,
                    "error_type": error,
                    "region": ["eu", "us"][at % 2],
                }
                events.append(event(ts + at * 9_000, version, **fields))
                feedback.append(judged_by(ts + at * 9_000 + 500, float(rng.integers(1, 6)), version))
    release = {"id": "c", "ts": START_MS + 7 * D, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
    return events, feedback, [release]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return policy_of(ALL, PROFILE)


@pytest.fixture(scope="module")
def plain(policy: Policy) -> Run:
    return Run(policy, *eventful())


def test_all_kinds_say_something(plain: Run) -> None:
    assert {drift.monitor for drift in plain.drifts} == {
        "shift", "week", "arms", "contract", "judge", "level", "level-too",
    }  # fmt: skip
    assert {"psi", "scale", "range", "absent", "adwin"} <= {drift.method for drift in plain.bad}
    assert [(v.series.text, v.word) for each in plain.judged for v in each.verdicts if v.rule == "drifted"]


@pytest.mark.parametrize("how", [{"batch": 7}, {"tell_quiet": True}, {"restart": True, "batch": 101}])
def test_nothing_depends_on_restarts_batches_or_quiet_panes(policy: Policy, plain: Run, how: dict[str, Any]) -> None:
    assert Run(policy, *eventful(), **how).text() == plain.text()


def test_other_monitors_begin_anew_and_the_same_go_on(policy: Policy, plain: Run) -> None:
    saved = again(plain.judge.state)
    assert ShardEvaluation(policy, saved).state.monitors is saved.monitors
    other = policy_of(ALL.replace('window = "2h"', 'window = "1h"'), PROFILE)
    assert ShardEvaluation(other, saved).state.monitors is not saved.monitors


def test_series_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "SLOTS_MIN", 20)
    policy = policy_of(ALL.replace('slices = ["*", "region"]\nwindow = "1h"', 'window = "1h"'), PROFILE)
    items = [
        event(START_MS + day * D + at * M, f"v{day}", features={"amount": at / 60}, latency_ms=at, region=f"r{day}")
        for day in range(30)
        for at in range(0, 60, 6)
    ]
    state = Run(policy, items).judge.state.monitors
    assert len(state.slots.names) <= 40  # Of 60 that there were.
    assert len(state.past.kept) <= 7 * 12
    assert all(len(changes.watches) <= 20 for changes in state.changes)
    assert len(state.contracts.seen) <= 200
    assert len(state.unchanged.stored) <= 200
    assert len(bytes_of(state)) < 250_000


def test_without_monitors_nothing_is_kept() -> None:
    policy = policy_of("")
    run = Monitors(policy)
    assert run.quiet
    assert run.step(1, None, {}).empty
    assert len(bytes_of(run.state)) < 2_000


def test_an_sli_of_others_is_part_of_what_names_the_monitors() -> None:
    """`all_of` holds how its parts classify, which no state can keep; its parts stand beside it."""
    whole = """
[[monitor]]
name = "whole"
kind = "adwin"
on = "sli.success"
"""
    success = '\n[sli.quick]\ngood = "at_most"\nfield = "latency_ms"\nlimit = {limit}\n'
    success += '[sli.success]\ngood = "all_of"\nslis = ["ok", "quick"]\n'
    policies = [policy_of(ALL + whole + success.format(limit=limit), PROFILE) for limit in (100, 200)]
    saved = Monitors(policies[0]).state
    names = {monitor.name for monitor in policies[0].monitors}
    assert Monitors(policies[0], again(saved)).kept == names
    assert Monitors(policies[1], again(saved)).kept == names - {"whole"}
