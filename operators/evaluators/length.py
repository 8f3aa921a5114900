"""`length`: the answer has neither too few nor too many characters."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator

Characters = Annotated[int, Meta(ge=0)]


class Length(AnswerEvaluator, frozen=True, kw_only=True):
    """Blank space around the answer does not count. A text that was cut for judging counts as cut."""

    chars_min: Characters = 1
    chars_max: Characters | None = None


def _check(evaluator: Length, key: str) -> None:
    if evaluator.chars_max is not None and evaluator.chars_max < evaluator.chars_min:
        raise PolicyError(f"{key}.chars_max", evaluator.chars_max, f"must be at least chars_min, {evaluator.chars_min}")


def _scores(evaluator: Length, case: JudgedCase) -> Sequence[Score]:
    length = len(case.output.strip())
    good = length >= evaluator.chars_min and (evaluator.chars_max is None or length <= evaluator.chars_max)
    return passes(evaluator, good, f"{length} characters")


def _words(evaluator: Length) -> str:
    most = "" if evaluator.chars_max is None else f", and at most {evaluator.chars_max}"
    return f"at least {evaluator.chars_min} characters{most}"


KIND = EvaluatorKind(name="length", evaluator=Length, words=_words, scores=_scores, check=_check)
