"""What monitors find is heard: by rules on every slice that they watch, or `check` says that nobody listens."""

import io

from rich.console import Console

from flows.check import print_policy
from operators.policy.monitors import kind_of
from tests.drifting import START_MS, Run, event, policy_of

MONITORS = """
[[monitor]]
name = "overall"
kind = "psi"
on = "features.x"

[[monitor]]
name = "regions"
kind = "psi"
on = "features.x"
slices = ["region"]
"""
RULE = '\n[[rule]]\nname = "drift"\nkind = "drift"\n'
PROFILE = {"features.x": [float(x % 100) for x in range(20_000)]}


def moved_in_one_region() -> Run:
    items = [
        event(
            START_MS + at * 10_000,
            region="us" if at % 5 == 0 else "eu",
            features={"x": at % 100 / (5 if at % 5 == 0 else 1)},
        )
        for at in range(4 * 360)
    ]
    return Run(policy_of(MONITORS + RULE, PROFILE), items)


def test_a_finding_of_a_slice_is_heard_though_another_monitor_covers_all_traffic() -> None:
    run = moved_in_one_region()
    bad = {drift.series.text for drift in run.bad}
    assert bad == {"region=us"}
    verdicts = {
        (verdict.series.text, verdict.word)
        for each in run.judged
        for verdict in each.verdicts
        if verdict.rule == "drift"
    }
    assert ("region=us", "BAD") in verdicts
    assert ("*", "OK") in verdicts


def test_what_people_are_told_names_the_kind() -> None:
    (event_, *_) = [each for judged in moved_in_one_region().judged for each in judged.events if each.rule == "drift"]
    assert "covariate drift (the inputs) by regions: psi" in (event_.evidence.reason or "")


def checked(more: str) -> str:
    text = io.StringIO()
    print_policy(policy_of(MONITORS + more, PROFILE), Console(file=text, width=220, markup=False, emoji=False))
    return text.getvalue()


def test_check_warns_of_what_no_rule_listens_to() -> None:
    assert "no [[rule]] of kind drift listens" not in checked(RULE)
    assert "Warning: no [[rule]] of kind drift listens to what overall finds in *: nobody" in checked("")
    only_all = checked(RULE + 'slices = ["*"]\n')
    assert "listens to what regions finds in region: nobody is told of it." in only_all
    assert "what overall finds" not in only_all


def test_kinds_of_drift() -> None:
    kinds = {
        "covariate": ("features.x", "embedding", "input_tokens"),
        "prediction": ("prediction", "score", "flags.refused", "output_tokens"),
        "label": ("feedback.label", "feedback.kpi"),
        "concept": ("feedback.judge", "feedback.calibration"),
        "operational": ("latency_ms", "cost_usd", "metrics.cpu", "sli.availability"),
    }
    for kind, names in kinds.items():
        assert {kind_of(name) for name in names} == {kind}
        assert {kind_of(name, "judge:helpful") for name in names} == {"judge"}
    assert kind_of("sli.correct", on_feedback=True) == "concept"
