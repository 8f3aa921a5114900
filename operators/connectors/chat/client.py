"""Judges behind addresses, asked from a thread of its own, so that whoever asks never waits."""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import httpx

from operators.connectors.chat.endpoint import Endpoint
from operators.evaluators.case import Judged, JudgedCase
from operators.evaluators.llm import Llm

CLOSE_S = 5.0

log = logging.getLogger("rollguard")


class ChatClient:
    """Asks the endpoints of some evaluators; `keys` are theirs, by name. To be closed."""

    def __init__(self, evaluators: Sequence[Llm], keys: Mapping[str, str]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="judges", daemon=True)
        self._thread.start()
        self._endpoints: dict[str, Endpoint] = self._run(self._open(evaluators, keys))

    async def _open(self, evaluators: Sequence[Llm], keys: Mapping[str, str]) -> dict[str, Endpoint]:
        most = sum(each.concurrency for each in evaluators)
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        self._client = httpx.AsyncClient(limits=limits, follow_redirects=False)
        return {each.name: Endpoint(each, self._client, keys.get(each.name)) for each in evaluators}

    def ask(self, evaluator: Llm, case: JudgedCase) -> "Future[Judged]":
        """Have a case judged. What comes back never raises: what went wrong is its fault."""
        return asyncio.run_coroutine_threadsafe(self._judged(evaluator, case), self._loop)

    async def _judged(self, evaluator: Llm, case: JudgedCase) -> Judged:
        try:
            return await self._endpoints[evaluator.name].judge(case)
        except Exception:
            # Whatever a strange endpoint can make a client library raise, it costs this judgement and is counted.
            log.exception("a judgement failed")
            return Judged(fault="judge_failed")

    def close(self) -> None:
        """Give up what is not judged yet."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        self._loop.close()

    async def _end(self) -> None:
        ours = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not ours]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CLOSE_S)
