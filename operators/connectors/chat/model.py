"""A model behind an address that speaks OpenAI's chat protocol, asked one question at a time.

After too many requests, a failure of the server, or silence the call is repeated after a while; a refused call is not.
The address and the key are never shown.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from operators.connectors.chat.call import Again, CallRefused, called, client_of, headers_of, url_of
from operators.connectors.chat.loop import LoopThread
from operators.evaluators.case import UnusableAnswer

WAIT_S, WAIT_S_MAX = 0.5, 30.0
CONNECTIONS_MAX = 64
Message = Mapping[str, Any]


class NoAnswer(Exception):
    """The model did not answer, for a reason in words."""


class WrongEndpoint(ValueError):
    """The address cannot be used."""


class ModelEndpoint:
    """Asks `model` at `url`, the part of the address before /chat/completions. WrongEndpoint. To be closed.

    Each of `attempts` may take `timeout_s`. May be used by several threads.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.check(url)
        self._url = url_of(url)
        self._model, self._timeout_s, self._attempts, self._sleep = model, timeout_s, attempts, sleep
        self._headers, self._client = headers_of(key), client_of(CONNECTIONS_MAX)
        self._loop = LoopThread()

    @staticmethod
    def check(*urls: str) -> None:
        """Raise WrongEndpoint for anything but an address."""
        try:
            for url in urls:
                url_of(url)
        except ValueError as error:
            raise WrongEndpoint(f"--endpoint: {error}") from error

    def __enter__(self) -> "ModelEndpoint":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._loop.close(self._client.aclose())

    def ask(self, messages: Sequence[Message]) -> str:
        """Return the text of the answer at temperature 0. NoAnswer."""
        body = json.dumps(
            {"model": self._model, "messages": list(messages), "temperature": 0, "stream": False}
        ).encode()
        for attempt in range(self._attempts):
            try:
                return _text(self._called(body))
            except Again as error:
                if attempt + 1 == self._attempts:
                    raise NoAnswer(f"{error}, {self._attempts} times") from error
                wait_s = min(WAIT_S * 2**attempt, WAIT_S_MAX) if error.after_s is None else error.after_s
                self._sleep(min(wait_s, WAIT_S_MAX))
            except (CallRefused, UnusableAnswer) as error:
                raise NoAnswer(str(error)) from error
        raise NoAnswer("was not asked")

    def _called(self, body: bytes) -> bytes:
        return self._loop.begin(called(self._client, self._url, self._headers, body, self._timeout_s)).result()


def _text(answer: bytes) -> str:
    """Return the text of an answer, or that of its refusal."""
    try:
        message = json.loads(answer)["choices"][0]["message"]
        found = message.get("content") or message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise NoAnswer("answered what is no chat completion") from error
    if not isinstance(found, str):
        raise NoAnswer("answered no text")
    return found
