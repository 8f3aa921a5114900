"""Asks evaluators to judge a request: at once those without a gate, the others when their gate passes the answer."""

import logging
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from operators.evaluate.judging import judged_at_once, shown_to
from operators.evaluate.work import Judges, Work
from operators.evaluators.case import Judged, NotJudged
from operators.evaluators.registry import evaluator_kind_of
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.policy import Policy

FAILED = "evaluator_failed"  # The evaluator met a text that it was not made for.

log = logging.getLogger("rollguard")


class Asking:
    """Asks the evaluators of a policy; `skipped` counts the judgements that were not asked for, by reason."""

    def __init__(self, policy: Policy, judges: Judges) -> None:
        self._evaluators = {each.name: each for each in policy.evaluators}
        self._chars_max = policy.evaluate.text_chars_max
        self._judges = judges
        self._finished: deque[tuple[Work, AnswerEvaluator, Future[Judged]]] = deque()
        self.skipped: Counter[str] = Counter()
        self._logged: set[tuple[str, str]] = set()

    def begin(self, work: Work) -> None:
        """Ask the evaluators that no gate holds back."""
        self._ask_after(work, None)

    def gather(self) -> None:
        """Take in the judgements that have come meanwhile, and ask the evaluators that waited for them."""
        while self._finished:
            work, evaluator, done = self._finished.popleft()
            self._learn(work, evaluator, self._guarded(evaluator, done.result))

    def _ask_after(self, work: Work, gate: str | None) -> None:
        for name in work.drawn:
            if self._evaluators[name].after == gate or not work.gates:
                self._ask(work, self._evaluators[name])

    def _ask(self, work: Work, evaluator: AnswerEvaluator) -> None:
        work.open += 1
        if evaluator_kind_of(evaluator).runs == "here":
            here = self._guarded(evaluator, lambda: judged_at_once(evaluator, work.case, self._chars_max))
            self._learn(work, evaluator, here)
            return
        future = self._judges.ask(evaluator, shown_to(evaluator, work.case, self._chars_max))
        future.add_done_callback(lambda done: self._finished.append((work, evaluator, done)))

    def _guarded(self, evaluator: AnswerEvaluator, judge: Callable[[], Judged]) -> Judged:
        """Return a judgement; an error costs only this one, as otherwise the same answer would stop every run.

        CancelledError where the judgement was given up at shutdown.
        """
        try:
            return judge()
        except CancelledError:
            raise
        except NotJudged as error:
            return Judged(fault=error.fault)
        except Exception as error:
            self._log_once(evaluator.name, type(error).__name__)
            return Judged(fault=FAILED)

    def _log_once(self, evaluator: str, error: str) -> None:
        """Log the kind of an error: its words may quote the answer."""
        if (evaluator, error) not in self._logged:
            self._logged.add((evaluator, error))
            log.error("evaluator %s failed: %s; such failures are counted from now on", evaluator, error)

    def _learn(self, work: Work, evaluator: AnswerEvaluator, judged: Judged) -> None:
        work.judged[evaluator.name] = judged
        work.open -= 1
        gated = sum(self._evaluators[name].after == evaluator.name for name in work.drawn)
        if gated and judged.scores and evaluator_kind_of(evaluator).passed(evaluator, judged.scores):
            self._ask_after(work, evaluator.name)
        else:
            self.skipped["gated"] += gated
