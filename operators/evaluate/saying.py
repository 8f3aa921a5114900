"""What is written of judged requests: each item with a number within its message that stays the same for ever."""

import logging
from collections.abc import Iterator

import msgspec

from operators.enrich.waiting import Complete, bytes_max_of
from operators.evaluate.asking import FAILED
from operators.evaluate.golden import Doubt, agreements
from operators.evaluate.outgoing import event_of, feedback_of, judge_id, label_of
from operators.evaluate.work import Judges, Work
from operators.evaluators.case import Judged
from operators.evaluators.llm import Llm
from operators.evaluators.registry import evaluator_kind_of
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.policy import Policy
from operators.wire.events import Request

# Numbers grow in the order of writing: golden cases by evaluator, then the request itself.
CRITERIA, GOLDEN_MAX, EVALUATORS = 100, 400, 100
OF_REQUEST = EVALUATORS * GOLDEN_MAX * CRITERIA
ITEM = OF_REQUEST + EVALUATORS * CRITERIA
TOO_LARGE = "too_large"  # With the slices of its request.

log = logging.getLogger("rollguard")


class Saying:
    """Makes the feedback and the events of one log, called `name`."""

    def __init__(self, name: str, policy: Policy, judges: Judges) -> None:
        self._name, self._judges = name, judges
        self._evaluators = {each.name: each for each in policy.evaluators}
        self._bytes_max = bytes_max_of(policy)
        self._numbers = {each: number for number, each in enumerate(self._evaluators)}

    def feedback(self, work: Work, ts_ms: int) -> list[Complete]:
        """Return the feedback of all evaluators that judged it, labels if it is a golden case.

        A judgement that cannot be written is noted as failed in `work`.
        """
        found: list[Complete] = []
        for name, judged in work.judged.items():
            fault = ""
            try:
                of_one = list(self._of_one(work, self._evaluators[name], ts_ms))
                fault = TOO_LARGE if any(len(each.value) > self._bytes_max for each in of_one) else ""
            except Exception as error:  # Else the same answer would stop every run.
                log.error("what %s says cannot be written: %s", name, type(error).__name__)
                fault = FAILED
            if fault:
                work.judged[name] = msgspec.structs.replace(judged, scores=(), fault=fault)
            else:
                found += of_one
        return sorted(found, key=lambda each: each.item)

    def events(self, work: Work, ts_ms: int) -> list[Complete]:
        """Return an event for each judgement that was not made in this process."""
        found = []
        for name, judged in work.judged.items():
            evaluator = self._evaluators[name]
            if evaluator_kind_of(evaluator).runs != "here":
                text = self._event(work, evaluator, judged, ts_ms)
                found.append(Complete(work.position, self._item(work, evaluator, 0), text))
        return sorted(found, key=lambda each: each.item)

    def _event(self, work: Work, evaluator: AnswerEvaluator, judged: Judged, ts_ms: int) -> bytes:
        name = self._id(work, evaluator)
        text = event_of(evaluator, judged, name, work.request, ts_ms)
        if len(text) <= self._bytes_max or work.request is None:
            return text
        # Without slices, the cost of the judgement still counts.
        return event_of(evaluator, judged, name, msgspec.structs.replace(work.request, slices=None), ts_ms)

    def _of_one(self, work: Work, evaluator: AnswerEvaluator, ts_ms: int) -> Iterator[Complete]:
        judged = work.judged[evaluator.name]
        if work.request is not None:
            texts = self._scores(work, work.request, evaluator, judged, ts_ms)
        else:
            texts = self._labels(work, evaluator, judged, ts_ms)
        for number, text in enumerate(texts):
            yield Complete(work.position, self._item(work, evaluator, number), text)

    def _scores(
        self, work: Work, request: Request, evaluator: AnswerEvaluator, judged: Judged, ts_ms: int
    ) -> Iterator[bytes]:
        doubt: Doubt = ""
        if isinstance(evaluator, Llm):
            doubt = self._judges.agreements[evaluator.name].doubt(evaluator, work.received_ms)
        for score in judged.scores:
            yield feedback_of(request, evaluator, score, work.drawn[evaluator.name], doubt, ts_ms)

    def _labels(self, work: Work, evaluator: AnswerEvaluator, judged: Judged, ts_ms: int) -> Iterator[bytes]:
        if not isinstance(evaluator, Llm):
            return
        golden = self._judges.golden[evaluator.name][work.golden]
        found = agreements(evaluator, golden, judged.scores)
        if found:
            agrees = all(labelled == scored for labelled, scored in found.values())
            self._judges.agreements[evaluator.name].learn(work.golden, agrees, evaluator.agreement_min)
        for criterion, (labelled, scored) in found.items():
            yield label_of(evaluator, criterion, self._id(work, evaluator), labelled, scored, ts_ms)

    def _id(self, work: Work, evaluator: AnswerEvaluator) -> str:
        return judge_id(evaluator, self._name, work.position, self._item(work, evaluator, 0))

    def _item(self, work: Work, evaluator: AnswerEvaluator, criterion: int) -> int:
        number = self._numbers[evaluator.name]
        if work.request is None:
            return work.item * ITEM + (number * GOLDEN_MAX + work.golden) * CRITERIA + criterion
        return work.item * ITEM + OF_REQUEST + number * CRITERIA + criterion
