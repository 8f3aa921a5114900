"""Read `[[evaluator]]` of a policy: an error names the key, its value and what is allowed there."""

import re
from typing import Any

from operators.evaluators.registry import EVALUATOR_KINDS, evaluator_kind_of
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.fields import read
from operators.policy.reading import NAME, check_finite

EVALUATORS_MAX = 100


def answer_evaluators_of(tables: list[dict[str, Any]]) -> tuple[AnswerEvaluator, ...]:
    """Return the evaluators of the tables, each after those that gate it. PolicyError."""
    if len(tables) > EVALUATORS_MAX:
        raise PolicyError("evaluator", len(tables), f"must be at most {EVALUATORS_MAX} tables")
    evaluators: list[AnswerEvaluator] = []
    for index, raw in enumerate(tables):
        name = raw.get("name")
        good = isinstance(name, str) and re.fullmatch(NAME, name)
        key = f"evaluator.{name}" if good else f"evaluator[{index}]"
        if good and any(name == each.name for each in evaluators):
            raise PolicyError(f"evaluator[{index}].name", name, "is named twice")
        evaluators.append(_evaluator(key, raw))
        _check_gate(key, evaluators[-1], evaluators[:-1])
        _check_criteria(key, evaluators[-1], evaluators[:-1])
    return tuple(evaluators)


def _evaluator(key: str, raw: dict[str, Any]) -> AnswerEvaluator:
    name = raw.get("kind")
    if not isinstance(name, str) or name not in EVALUATOR_KINDS:
        raise PolicyError(f"{key}.kind", name, f"must be one of {', '.join(EVALUATOR_KINDS)}")
    kind = EVALUATOR_KINDS[name]
    check_finite(key, raw)
    evaluator: AnswerEvaluator = read(kind.evaluator, raw, key, None)
    kind.check(evaluator, key)
    return evaluator


def _check_gate(key: str, evaluator: AnswerEvaluator, before: list[AnswerEvaluator]) -> None:
    if evaluator.after is None:
        return
    gate = next((each for each in before if each.name == evaluator.after), None)
    if gate is None:
        known = ", ".join(each.name for each in before) or "(there are none)"
        raise PolicyError(f"{key}.after", evaluator.after, f"must be an evaluator that stands before it: {known}")
    if evaluator.share is not None and gate.share is not None and evaluator.share > gate.share:
        raise PolicyError(f"{key}.share", evaluator.share, f"must be at most that of {gate.name}, {gate.share}")


def _check_criteria(key: str, evaluator: AnswerEvaluator, before: list[AnswerEvaluator]) -> None:
    """Refuse one criterion name for two kinds of scales: pass or fail could not be told from 1 to 5."""
    ours = evaluator_kind_of(evaluator)
    for other in before:
        kind = evaluator_kind_of(other)
        shared = set(ours.criteria(evaluator)) & set(kind.criteria(other))
        if shared and (ours.runs == "model") != (kind.runs == "model"):
            raise PolicyError(
                f"{key}.name", evaluator.name, f"and {other.name} both score {min(shared)}, on two scales"
            )
