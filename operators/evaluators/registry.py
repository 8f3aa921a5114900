"""The kinds of evaluators, one line each."""

from collections.abc import Mapping

from operators.evaluators import exact, grounded, json_schema, length, llm, python, refusal, regex
from operators.evaluators.kind import AnyKind
from operators.policy.evaluators import AnswerEvaluator

EVALUATOR_KINDS: Mapping[str, AnyKind] = {
    kind.name: kind
    for kind in (
        length.KIND,
        regex.KIND,
        json_schema.KIND,
        exact.KIND,
        grounded.KIND,
        refusal.KIND,
        python.KIND,
        llm.KIND,
    )
}
_BY_CLASS: Mapping[type[AnswerEvaluator], AnyKind] = {kind.evaluator: kind for kind in EVALUATOR_KINDS.values()}


def evaluator_kind_of(evaluator: AnswerEvaluator) -> AnyKind:
    """Return the kind of an evaluator."""
    return _BY_CLASS[type(evaluator)]
