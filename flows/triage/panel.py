"""A policy's evaluators on answers to eval cases: which let an answer pass, and which of two answers they prefer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from flows.evaluate.materials import Clients, clients_of
from operators.evals.case import EvalCase
from operators.evals.checks import named_evaluators
from operators.evaluate.judging import judged_at_once, shown_to
from operators.evaluate.outgoing import cleaned_reason
from operators.evaluators.case import Judged, JudgedCase, NotJudged
from operators.evaluators.llm import Llm
from operators.evaluators.pairwise import Winner, winner
from operators.evaluators.registry import evaluator_kind_of
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.policy import Policy
from operators.texts import cut

REASON_SHOWN = 200  # Characters of the reason why an answer does not pass.


class Panel:
    """Judges answers to eval cases, each by the evaluators that it has to pass, and by those `of_all`."""

    def __init__(self, evaluators: Mapping[str, AnswerEvaluator], of_all: Sequence[str], chars_max: int) -> None:
        self._evaluators, self._of_all, self._chars_max = evaluators, of_all, chars_max
        self._clients: Clients | None = None

    @contextmanager
    def opened(self) -> Iterator["Panel"]:
        """Open what evaluators need. PolicyError where something is missing."""
        with clients_of(list(self._evaluators.values())) as self._clients:
            yield self

    def failed(self, case: EvalCase, answer: str) -> list[str]:
        """Return the evaluators that an answer fails, in words. NotJudged where one gave no judgement."""
        found = []
        for name in dict.fromkeys([*named_evaluators(case.checks), *self._of_all]):
            evaluator = self._evaluators[name]
            scores = self._judged(evaluator, _case_of(case, answer)).scores
            if scores and not evaluator_kind_of(evaluator).passed(evaluator, scores):
                worst = min(scores, key=lambda score: score.value)
                reason = cut(cleaned_reason(worst.reason), REASON_SHOWN)
                found.append(f'passes "{name}": {worst.criterion} {worst.value:g}: {reason}'.rstrip(": "))
        return found

    def preferred(self, name: str, case: EvalCase, candidate: str, baseline: str) -> Winner:
        """Return whose answer an evaluator prefers, asked in both orders. NotJudged."""
        if candidate == baseline:
            return "tie"
        evaluator = self._evaluators[name]
        if self._clients is None or not isinstance(evaluator, Llm):
            raise TypeError(f"{name} compares nothing")
        ours, theirs = (shown_to(evaluator, _case_of(case, text), self._chars_max) for text in (candidate, baseline))
        asked = [self._clients.compare(evaluator, *pair) for pair in ((ours, theirs), (theirs, ours))]
        return winner(*({score.criterion: score.value for score in _sure(each.result()).scores} for each in asked))

    def _judged(self, evaluator: AnswerEvaluator, case: JudgedCase) -> Judged:
        if evaluator_kind_of(evaluator).runs == "here":
            return _sure(judged_at_once(evaluator, case, self._chars_max))
        if self._clients is None:
            raise TypeError("the panel is not open")
        return _sure(self._clients.ask(evaluator, shown_to(evaluator, case, self._chars_max)).result())


def panel_of(policy: Policy, cases: Sequence[EvalCase], of_all: Sequence[str], comparing: str | None) -> Panel:
    """Return the panel that some cases need. PolicyError where the policy has no such evaluator."""
    known = {each.name: each for each in policy.evaluators}
    needed = [*of_all, *([] if comparing is None else [comparing])]
    needed += [name for case in cases for name in named_evaluators(case.checks)]
    check_evaluators(needed, policy)
    if comparing is not None and not isinstance(known[comparing], Llm):
        raise PolicyError("evaluator", comparing, "must be of kind llm: no other compares two answers")
    return Panel({name: _alone(known[name]) for name in needed}, of_all, policy.evaluate.text_chars_max)


def check_evaluators(names: Sequence[str], policy: Policy) -> None:
    """Refuse names of evaluators that the policy does not have. PolicyError."""
    known = [each.name for each in policy.evaluators]
    for name in names:
        if name not in known:
            raise PolicyError("evaluator", name, f"must be one of the policy's, {', '.join(known) or 'which has none'}")


def _alone(evaluator: AnswerEvaluator) -> AnswerEvaluator:
    """Return an evaluator as the gate needs it: without golden cases."""
    return msgspec.structs.replace(evaluator, golden=None) if isinstance(evaluator, Llm) else evaluator


def _case_of(case: EvalCase, answer: str) -> JudgedCase:
    expected = next((check.value for check in case.checks if check.kind == "equals"), None)
    return JudgedCase(request_id=case.id, input=case.input, output=answer, expected=expected)


def _sure(judged: Judged) -> Judged:
    if judged.fault:
        raise NotJudged(judged.fault)
    return judged
