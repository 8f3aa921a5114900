"""One call of a chat endpoint, and one judgement: its calls, repeated where that may help, until its deadline."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from operators.connectors.chat.breaker import Breaker
from operators.connectors.chat.call import Again, CallRefused, called, headers_of, url_of
from operators.evaluators.case import Judged, Score, UnusableAnswer
from operators.evaluators.chat import Completion, read_completion, read_scores
from operators.evaluators.llm import Llm

CALLS_MAX = 8  # Per judgement.
BACKOFF_S, BACKOFF_MAX_S = 0.25, 8.0


class Question(NamedTuple):
    """The body of a request, and the reader of the scores of these criteria in its completion. UnusableAnswer."""

    body: bytes
    read: Callable[[Completion, Sequence[str]], Sequence[Score]] = read_scores


class Endpoint:
    """The endpoint of one evaluator: at most `concurrency` judgements at once. For use within one event loop."""

    def __init__(self, evaluator: Llm, client: httpx.AsyncClient, key: str | None) -> None:
        self._evaluator, self._client = evaluator, client
        self._url, self._headers = url_of(evaluator.endpoint), headers_of(key)
        self._turns = asyncio.Semaphore(evaluator.concurrency)
        self._breaker = Breaker()

    async def judge(self, question: Question) -> Judged:
        """Return the judgement, or a fault after its deadline, which runs from the start of its turn."""
        async with self._turns:
            began = time.monotonic()
            if self._breaker.is_open(began):
                return Judged(fault="circuit_open")
            judgement = _Judgement(began + self._evaluator.deadline_ms / 1000)
            await self._calls(judgement, question)
            now = time.monotonic()
            # An unreadable answer does not mean that the endpoint is down.
            if judgement.fault and judgement.fault != "unusable_answer":
                self._breaker.failed(now)
            else:
                self._breaker.succeeded()
            return judgement.judged((now - began) * 1000)

    async def _calls(self, judgement: "_Judgement", question: Question) -> None:
        while judgement.goes_on:
            judgement.calls += 1
            try:
                timeout_s = min(self._evaluator.timeout_ms / 1000, judgement.left_s)
                answer = await called(self._client, self._url, self._headers, question.body, timeout_s)
                completion = read_completion(answer)
                judgement.paid(completion.tokens)
                judgement.scored(question.read(completion, list(self._evaluator.criteria)))
            except UnusableAnswer:
                judgement.unusable()
            except CallRefused:
                judgement.refused()
            except Again as again:
                await judgement.wait(again)


class _Judgement:
    """The results so far of the calls of one judgement."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._scores: Sequence[Score] = ()
        self._tokens = (0, 0)
        self._unusable = 0
        self._done = False
        self.fault = ""
        self.calls = 0

    @property
    def left_s(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def goes_on(self) -> bool:
        return not self._done and self.calls < CALLS_MAX and (self.left_s > 0 or not self.calls)

    def paid(self, tokens: tuple[int, int]) -> None:
        self._tokens = self._tokens[0] + tokens[0], self._tokens[1] + tokens[1]

    def scored(self, scores: Sequence[Score]) -> None:
        self._scores, self.fault, self._done = scores, "", True

    def unusable(self) -> None:
        """Try once more: even at temperature 0 a second answer often differs."""
        self._unusable += 1
        self.fault, self._done = "unusable_answer", self._unusable > 1

    def refused(self) -> None:
        self.fault, self._done = "refused", True

    async def wait(self, again: Again) -> None:
        if (
            not self.fault or again.fault != "timeout" or self.left_s > 0
        ):  # A call that the deadline cuts off tells nothing new.
            self.fault = again.fault
        backoff = min(BACKOFF_S * 2 ** (self.calls - 1), BACKOFF_MAX_S)
        wait_s = backoff * random.uniform(0.5, 1.0) if again.after_s is None else again.after_s  # noqa: S311  # No secret.
        if wait_s >= self.left_s:
            self._done = True
        else:
            await asyncio.sleep(wait_s)

    def judged(self, latency_ms: float) -> Judged:
        return Judged(
            scores=self._scores,
            fault=self.fault,
            latency_ms=latency_ms,
            input_tokens=self._tokens[0],
            output_tokens=self._tokens[1],
            calls=self.calls,
        )
