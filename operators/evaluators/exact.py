"""`exact`: the answer is the expected one. Requests without an expected answer get no judgement."""

from collections.abc import Sequence
from typing import Literal

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.policy.evaluators import AnswerEvaluator
from operators.texts import cut


class Exact(AnswerEvaluator, frozen=True, kw_only=True):
    """`compare` says what must be equal: the text, runs of blank space as one; the words in any case; or the number.

    With `contains`, the answer may hold more than the expected text.
    """

    compare: Literal["text", "words", "number"] = "text"
    contains: bool = False


def _scores(evaluator: Exact, case: JudgedCase) -> Sequence[Score]:
    if case.expected is None:
        return ()
    if evaluator.compare == "number":
        good = _number(case.output) is not None and _number(case.output) == _number(case.expected)
    else:
        answer, expected = (_plain(evaluator, text) for text in (case.output, case.expected))
        good = expected in answer if evaluator.contains else answer == expected
    return passes(evaluator, good, f"expected {cut(case.expected, 100)}")


def _plain(evaluator: Exact, text: str) -> str:
    joined = " ".join(text.split())
    return joined.casefold() if evaluator.compare == "words" else joined


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", ""))
    except ValueError:
        return None


KIND = EvaluatorKind(
    name="exact",
    evaluator=Exact,
    words=lambda evaluator: f"the answer {'holds' if evaluator.contains else 'is'} what is expected",
    scores=_scores,
)
