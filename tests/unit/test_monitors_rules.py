"""Rules of kind drift: what monitors say becomes alerts and holds, and by default no rollback."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from operators.drift.found import by_field
from operators.drift.results import Drift, Heard
from operators.rules.drift import DriftEvaluator, DriftRule
from operators.wire.control import ControlEvent
from tests.drifting import START_MS, H, Item, M, Run, event, policy_of
from tests.judged import series

RNG = np.random.default_rng(7)
REFERENCE: dict[str, list[Any]] = {"features.amount": RNG.random(2_000).tolist()}
MONITOR = '[[monitor]]\nname = "amount"\nkind = "psi"\non = "features.amount"\nslices = ["*", "region"]\n'
CANARY = (
    '[[rule]]\nname = "canary"\nkind = "canary"\nslis = ["ok"]\naction = "rollback"\n'
    'blip = "0s"\nmargin_points = 0.006\n'
)
RELEASE = {"id": "c", "ts": START_MS, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}


def rule(more: str = "") -> str:
    return f'[[rule]]\nname = "drifted"\nkind = "drift"\nmonitors = ["amount"]\n{more}'


def released(shift: float, hours: int = 4, after: int = 0) -> list[Item]:
    """Two equal arms; what is asked of the candidate differs by so much from some hour on."""
    rng = np.random.default_rng(1)
    items = []
    for at in range(hours * 1_200):
        ts, version = START_MS + at * 3_000, ("v1", "v2")[at % 2]
        moved = shift if version == "v2" and ts >= START_MS + after * H else 0.0
        items.append(
            event(ts, version, features={"amount": float(rng.random()) + moved}, region=("eu", "us")[at % 4 // 2])
        )
    return items


def said(run: Run) -> list[ControlEvent]:
    return [control for each in run.judged for control in each.events]


def test_drift_of_the_candidate_holds_a_promotion_that_would_have_been() -> None:
    policy = policy_of(MONITOR + CANARY + rule(), REFERENCE)
    (promoted,) = said(Run(policy, released(0.0), commands=[RELEASE]))
    assert promoted.type == "promote"
    assert promoted.ts > START_MS + H  # After the first window of the monitor.
    events = said(Run(policy, released(0.7), commands=[RELEASE]))
    assert {control.type for control in events} == {"alert", "hold"}


def test_drift_alone_alerts_and_holds_but_does_not_roll_back() -> None:
    policy = policy_of(MONITOR + rule(), REFERENCE)
    events = said(Run(policy, released(0.7, after=1), commands=[RELEASE]))
    assert {(control.type, control.state) for control in events} == {("alert", "firing"), ("hold", "firing")}
    assert {control.version for control in events} == {"v2"}
    alert = next(control for control in events if control.type == "alert")
    assert alert.ts == START_MS + 2 * H
    assert {each.slice for each in alert.slices} == {"*", "region=eu", "region=us"}
    assert alert.evidence.measure == "features.amount"
    assert (alert.evidence.reason or "").startswith("covariate drift (the inputs) by amount: psi ")
    assert "of features.amount against profile, limit 0.2" in (alert.evidence.reason or "")


def test_a_policy_may_let_drift_roll_back() -> None:
    policy = policy_of(MONITOR + rule('action = "rollback"\n'), REFERENCE)
    events = said(Run(policy, released(0.7, after=1), commands=[RELEASE]))
    assert [(control.type, control.pin) for control in events if control.type == "rollback"] == [("rollback", "v1")]


def test_an_alert_ends_with_the_drift() -> None:
    items = [item for item in released(0.7, after=1) if item["ts"] < START_MS + 2 * H]
    items += [{**item, "ts": item["ts"] + 2 * H} for item in released(0.0, hours=2)]
    events = said(Run(policy_of(MONITOR + rule(), REFERENCE), items, commands=[RELEASE]))
    alerts = [(control.state, (control.ts - START_MS) // H) for control in events if control.type == "alert"]
    assert alerts == [("firing", 2), ("resolved", 3)]


def drift(monitor: str, word: Any, score: float = 1.0) -> Heard:
    found = Drift(
        monitor=monitor,
        series=series("v1"),
        field="score",
        start=0,
        end=M,
        axis="output",
        kind="prediction",
        method="psi",
        word=word,
        score=score,
        threshold=0.2,
    )
    return Heard(monitor=monitor, series=series("v1"), word=word, fields=("score",), worst=found)


@pytest.fixture
def evaluator() -> DriftEvaluator:
    return DriftEvaluator(DriftRule(name="r", monitors=("a", "b")), policy_of(""))


def test_bad_while_any_monitor_says_so(evaluator: DriftEvaluator) -> None:
    def words(pane: int, *heard: Heard) -> list[str]:
        return [verdict.word for verdict in evaluator.step(pane, heard)]

    assert words(1, drift("a", "INSUFFICIENT")) == []
    assert words(2, drift("a", "OK")) == ["OK"]
    assert words(3, drift("b", "BAD"), drift("c", "BAD")) == ["BAD"]
    assert words(4, drift("a", "BAD", 9.0)) == ["BAD"]  # It joins, and is told.
    assert words(5, drift("b", "OK")) == []
    assert words(6, drift("a", "INSUFFICIENT"), drift("b", "BAD")) == []  # b was told of.
    assert words(7, drift("a", "OK"), drift("b", "OK")) == ["OK"]


def broken(**scores: float) -> Heard:
    """Return what a contract says of a series of which these features have another scale."""
    found = [
        Drift(
            monitor="a", series=series("v1"), field=f"features.{name}", start=0, end=M, axis="input", kind="covariate",
            method="scale", word="BAD", score=score, threshold=1.0, expected=1.0,
        )
        for name, score in scores.items()
    ]  # fmt: skip
    said = by_field(found)
    return Heard(
        monitor="a", series=series("v1"), word="BAD", fields=tuple(x.field for x in said), worst=said[0], found=said
    )


def test_all_that_is_broken_is_named_the_worst_first(evaluator: DriftEvaluator) -> None:
    (verdict,) = evaluator.step(1, [broken(a=10, b=100, c=0.001, d=10, e=10, f=10)])
    assert verdict.evidence.reason == (
        "covariate drift (the inputs) by a: features.c is 1000 times as small as in the reference, "
        "features.b is 100 times as large as in the reference, "
        + ", ".join(f"features.{name} is 10 times as large as in the reference" for name in "adef")
    )
    assert verdict.evidence.measure == "features.c"


def test_what_is_found_first_does_not_hide_what_is_found_later(evaluator: DriftEvaluator) -> None:
    """It is told, before what is known; what only goes on is not."""
    assert len(evaluator.step(1, [drift("b", "BAD", 50.0)])) == 1
    (verdict,) = evaluator.step(2, [broken(https=100), drift("b", "BAD", 60.0)])
    assert verdict.word == "BAD"
    assert (verdict.evidence.reason or "").startswith(
        "covariate drift (the inputs) and prediction drift (what the model says) by "
        "a: features.https is 100 times as large as in the reference; b:"
    )
    assert evaluator.step(3, [broken(https=100)]) == []
    assert deepcopy(evaluator).step(4, [broken(https=100)]) == []
    (wider,) = evaluator.step(5, [broken(https=100, ip=10)])
    assert (wider.evidence.reason or "").startswith(
        "covariate drift (the inputs) and prediction drift (what the model says) by "
        "a: features.ip is 10 times as large as in the reference, "
    )


def test_the_reason_names_every_monitor_that_found_something(evaluator: DriftEvaluator) -> None:
    (verdict,) = evaluator.step(1, [drift("a", "BAD"), drift("b", "BAD", 3.0)])
    assert verdict.evidence.reason == (
        "prediction drift (what the model says) by b: psi 3 of score, limit 0.2; a: psi 1 of score, limit 0.2"
    )
    assert verdict.evidence.value == 3.0


def test_slices_and_monitors_that_a_rule_does_not_name_are_not_heard(evaluator: DriftEvaluator) -> None:
    elsewhere = drift("a", "BAD")
    assert not evaluator.step(1, [drift("c", "BAD")])
    region = Heard(monitor="a", series=series("v1", region="eu"), word="BAD", fields=("score",), worst=elsewhere.worst)
    assert not evaluator.step(2, [region])
