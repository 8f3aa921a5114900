"""The evaluator of each kind of rule."""

from operators.policy import Policy
from operators.rules import Absence, BurnRate, Canary, MeasureRule, Threshold
from operators.verdict.absence import AbsenceEvaluator
from operators.verdict.burn_rate import BurnRateEvaluator
from operators.verdict.canary_rule import CanaryEvaluator
from operators.verdict.measure import MeasureEvaluator
from operators.verdict.threshold import ThresholdEvaluator
from operators.verdict.verdicts import Evaluator


def evaluators_of(policy: Policy) -> tuple[list[Evaluator], list[CanaryEvaluator]]:
    """Return what judges by the rules of a policy: each series by itself, and releases."""
    alone: list[Evaluator] = []
    releases = []
    for rule in policy.rules:
        if isinstance(rule, Canary):
            releases.append(CanaryEvaluator(rule, policy))
        elif isinstance(rule, Threshold):
            alone.append(ThresholdEvaluator(rule, policy))
        elif isinstance(rule, BurnRate):
            alone.append(BurnRateEvaluator(rule, policy))
        elif isinstance(rule, MeasureRule):
            alone.append(MeasureEvaluator(rule, policy))
        elif isinstance(rule, Absence):
            alone.append(AbsenceEvaluator(rule, policy))
    return alone, releases
