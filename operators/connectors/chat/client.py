"""Judges behind endpoints, asked from a separate thread, so that the caller never waits."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from operators.connectors.chat.call import client_of
from operators.connectors.chat.endpoint import Endpoint, Question
from operators.connectors.chat.loop import CLOSE_S, LoopThread
from operators.evaluators.case import Judged, JudgedCase
from operators.evaluators.llm import Llm, body_of
from operators.evaluators.pairwise import pair_body, read_preference

log = logging.getLogger("rollguard")


class ChatClient:
    """Asks the endpoints of some evaluators; `keys` are by evaluator name. To be closed."""

    def __init__(self, evaluators: Sequence[Llm], keys: Mapping[str, str]) -> None:
        self._loop = LoopThread()
        self._endpoints = self._loop.begin(self._open(evaluators, keys)).result(CLOSE_S)

    async def _open(self, evaluators: Sequence[Llm], keys: Mapping[str, str]) -> dict[str, Endpoint]:
        self._client = client_of(sum(each.concurrency for each in evaluators))
        return {each.name: Endpoint(each, self._client, keys.get(each.name)) for each in evaluators}

    def ask(self, evaluator: Llm, case: JudgedCase) -> "Future[Judged]":
        """Have a case judged. The future never raises: a failure is the `fault` of its result."""
        return self._loop.begin(self._judged(evaluator, Question(body_of(evaluator, case))))

    def compare(self, evaluator: Llm, first: JudgedCase, second: JudgedCase) -> "Future[Judged]":
        """Have two answers to one case compared; a score is 1 where the first is better, -1 where the second is."""
        return self._loop.begin(self._judged(evaluator, Question(pair_body(evaluator, first, second), read_preference)))

    async def _judged(self, evaluator: Llm, question: Question) -> Judged:
        try:
            return await self._endpoints[evaluator.name].judge(question)
        except Exception:
            # Whatever a strange endpoint makes a client library raise, it costs only this judgement and is counted.
            log.exception("a judgement failed")
            return Judged(fault="judge_failed")

    def close(self) -> None:
        """Give up all judgements that are not done."""
        self._loop.close(self._client.aclose())
