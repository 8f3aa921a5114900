"""`regex`: the answer holds a pattern, or must not hold it. RE2 takes time linear in the text, whatever the pattern."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import re2

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator


class Regex(AnswerEvaluator, frozen=True, kw_only=True):
    """`pattern` is searched for anywhere in the answer; `must` says whether it has to be there."""

    pattern: str
    must: Literal["match", "not_match"] = "match"


def _check(evaluator: Regex, key: str) -> None:
    try:
        compiled(evaluator.pattern)
    except re2.error as error:
        raise PolicyError(f"{key}.pattern", evaluator.pattern, f"is no pattern of RE2: {error}") from error


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """Return a pattern compiled by RE2. re2.error if it is not valid."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def searched(pattern: str, text: str) -> bool:
    """Tell whether a pattern is anywhere in a text."""
    return compiled(pattern).search(text.encode("utf-8", "replace").decode()) is not None


def _scores(evaluator: Regex, case: JudgedCase) -> Sequence[Score]:
    good = searched(evaluator.pattern, case.output) == (evaluator.must == "match")
    return passes(evaluator, good, "the pattern is not there" if evaluator.must == "match" else "the pattern is there")


KIND = EvaluatorKind(
    name="regex",
    evaluator=Regex,
    words=lambda evaluator: f"the answer {'has' if evaluator.must == 'match' else 'has not'} {evaluator.pattern}",
    scores=_scores,
    check=_check,
)
