"""What defines a kind of evaluator: its keys in the policy, its words, the criteria it scores, and how it scores.

A kind is one file beside this one, and one line in `registry.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec

from operators.evaluators.case import JudgedCase, Score
from operators.policy.evaluators import AnswerEvaluator

E = TypeVar("E", bound=AnswerEvaluator)
Runs = Literal["here", "model", "process"]


def _accept(evaluator: AnswerEvaluator, key: str) -> None:
    """Accept whatever the types of the keys allow."""


def _passed(evaluator: AnswerEvaluator, scores: Sequence[Score]) -> bool:
    return all(score.value is True for score in scores)


def _named(evaluator: AnswerEvaluator) -> tuple[str, ...]:
    return (evaluator.name,)


def _nowhere(evaluator: AnswerEvaluator, case: JudgedCase) -> Sequence[Score]:
    """Stand in for `scores` of kinds that are not run here."""
    raise TypeError(f"{evaluator.name} is not evaluated here")


class EvaluatorKind(msgspec.Struct, Generic[E], frozen=True, kw_only=True):
    """A kind of evaluator: `name` names it in a policy, `evaluator` has its keys.

    `runs` says where: `here`, by `scores`, which takes microseconds; by a `model` behind an address; or in a `process`
    of its own. `scores` returns nothing for a case that it cannot judge, or raises NotJudged. `passed` says whether the
    evaluators `after` it judge too. If `whole`, it cannot judge an answer that is longer than texts are judged. `check`
    raises PolicyError for what the types of the keys cannot say; its argument `key` is where the evaluator stands in
    the policy. `words` say in `rollguard check` what it judges.
    """

    name: str
    evaluator: type[E]
    words: Callable[[E], str]
    runs: Runs = "here"
    whole: bool = False
    scores: Callable[[E, JudgedCase], Sequence[Score]] = _nowhere
    criteria: Callable[[E], tuple[str, ...]] = _named
    passed: Callable[[E, Sequence[Score]], bool] = _passed
    check: Callable[[E, str], None] = _accept


def passes(evaluator: AnswerEvaluator, good: bool, reason: str) -> tuple[Score]:
    """Return the one score of an evaluator that says yes or no; only a no has a reason."""
    return (Score(criterion=evaluator.name, value=good, reason="" if good else reason),)


AnyKind = EvaluatorKind[Any]
