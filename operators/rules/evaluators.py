"""The evaluator of each kind of rule."""

from operators.policy.policy import Policy
from operators.policy.rules import Absence, BurnRate, Canary, DriftRule, MeasureRule, Threshold
from operators.rules.absence import AbsenceEvaluator
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.canary import CanaryEvaluator
from operators.rules.drift import DriftEvaluator
from operators.rules.measure import MeasureEvaluator
from operators.rules.threshold import ThresholdEvaluator
from operators.rules.verdict import Evaluator


def evaluators_of(policy: Policy) -> tuple[list[Evaluator], list[CanaryEvaluator], list[DriftEvaluator]]:
    """Return what judges by the rules of a policy: each series by itself, releases, and what monitors say."""
    alone: list[Evaluator] = []
    releases, listening = [], []
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
        elif isinstance(rule, DriftRule):
            listening.append(DriftEvaluator(rule, policy))
    return alone, releases, listening
