"""A model behind an address that speaks OpenAI's chat protocol, asked one question at a time.

Too many requests, failures of the server, and silence are tried again after a while; what the endpoint refuses is not.
The address and the key are shown to nobody.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from operators.connectors.chat.retry_after import retry_after_s
from operators.connectors.redirects import NoRedirect

ANSWER_BYTES_MAX = 4 << 20
WAIT_S, WAIT_S_MAX = 0.5, 30.0
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
Message = Mapping[str, Any]


class NoAnswer(Exception):
    """The model did not answer, for a reason in words."""


class WrongEndpoint(ValueError):
    """The address is none that can be asked."""


class _Passing(Exception):
    """A call failed in a way that may pass; `after_s` is when the endpoint says to ask again."""

    def __init__(self, words: str, after_s: float | None = None) -> None:
        super().__init__(words)
        self.after_s = after_s


class ModelEndpoint:
    """Asks `model` at `url`, the part of the address before /chat/completions. WrongEndpoint.

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
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
            raise WrongEndpoint("must be an address such as https://host/v1")
        self._url = url.rstrip("/") + "/chat/completions"
        self._model, self._timeout_s, self._attempts, self._sleep = model, timeout_s, attempts, sleep
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "rollguard"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._opener = urllib.request.build_opener(NoRedirect)

    def ask(self, messages: Sequence[Message]) -> str:
        """Return the text of the answer at temperature 0. NoAnswer."""
        body = json.dumps(
            {"model": self._model, "messages": list(messages), "temperature": 0, "stream": False}
        ).encode()
        for attempt in range(self._attempts):
            try:
                return _text(self._post(body))
            except _Passing as error:
                if attempt + 1 == self._attempts:
                    raise NoAnswer(f"{error}, {self._attempts} times") from error
                wait_s = min(WAIT_S * 2**attempt, WAIT_S_MAX) if error.after_s is None else error.after_s
                self._sleep(min(wait_s, WAIT_S_MAX))
        raise NoAnswer("was not asked")

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310  # http or https.
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                read: bytes = answer.read(ANSWER_BYTES_MAX + 1)
        except urllib.error.HTTPError as error:
            error.close()  # It holds the connection.
            if error.code in AGAIN:
                raise _Passing(f"answered {error.code}", retry_after_s(error.headers.get("Retry-After"))) from error
            raise NoAnswer(f"answered {error.code}") from error
        except TimeoutError as error:
            raise _Passing(f"no answer in {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise _Passing(f"cannot be reached: {reason}") from error
        if len(read) > ANSWER_BYTES_MAX:
            raise NoAnswer(f"answered more than {ANSWER_BYTES_MAX} bytes")
        return read


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
