"""What an evaluator is shown of a case, and the judgement of one that runs here."""

from operators.evaluate.texts import judged_here, redacted
from operators.evaluators.case import Judged, JudgedCase
from operators.evaluators.llm import Llm
from operators.evaluators.registry import evaluator_kind_of
from operators.policy.evaluators import AnswerEvaluator

TOO_LONG = "too_long"


def shown_to(evaluator: AnswerEvaluator, case: JudgedCase, chars_max: int) -> JudgedCase:
    """Return a case as it is sent to an evaluator that does not run here: cut, and redacted if it wants that."""
    if isinstance(evaluator, Llm) and evaluator.texts == "redacted":
        return redacted(case, chars_max)
    return judged_here(case, chars_max)


def judged_at_once(evaluator: AnswerEvaluator, case: JudgedCase, chars_max: int) -> Judged:
    """Return the judgement of an evaluator that runs here. Raises NotJudged, and whatever the evaluator raises."""
    kind = evaluator_kind_of(evaluator)
    if kind.whole and len(case.output) > chars_max:
        return Judged(fault=TOO_LONG)
    return Judged(scores=kind.scores(evaluator, judged_here(case, chars_max)))
