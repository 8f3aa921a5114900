"""The kinds of rules, a line each, and the evaluators of the rules of a policy."""

from collections.abc import Mapping
from typing import Any

from operators.policy.policy import Policy
from operators.policy.rules import ListeningRule, ReleaseRule, Rule
from operators.rules import absence, burn_rate, canary_kind, drift, measure, parity, threshold
from operators.rules.canary import CanaryEvaluator
from operators.rules.drift import DriftEvaluator
from operators.rules.kind import RuleKind
from operators.rules.verdict import Evaluator

KINDS: Mapping[str, RuleKind[Any]] = {
    kind.name: kind
    for kind in (
        threshold.KIND,
        burn_rate.KIND,
        measure.KIND,
        absence.KIND,
        parity.KIND,
        canary_kind.KIND,
        drift.KIND,
    )
}
_OF: dict[type[Rule], RuleKind[Any]] = {kind.rule: kind for kind in KINDS.values()}


def rule_kind_of(rule: Rule) -> RuleKind[Any]:
    """Return the kind of a rule."""
    return _OF[type(rule)]


def evaluators_of(policy: Policy) -> tuple[list[Evaluator], list[CanaryEvaluator], list[DriftEvaluator]]:
    """Return the evaluators of a policy's rules: on single series, on releases, and on findings of monitors."""
    alone: list[Evaluator] = []
    releases, listening = [], []
    for rule in policy.rules:
        evaluator = rule_kind_of(rule).evaluator(rule, policy)
        if isinstance(rule, ReleaseRule):
            releases.append(evaluator)
        elif isinstance(rule, ListeningRule):
            listening.append(evaluator)
        else:
            alone.append(evaluator)
    return alone, releases, listening
