"""One call of a chat endpoint: a POST that ends in time, follows no redirect, and reads a bounded answer.

Answers are requested uncompressed, and compressed ones refused: a few kilobytes of those can become gigabytes.
"""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from operators.connectors.chat.retry_after import retry_after_s
from operators.evaluators.case import UnusableAnswer

ANSWER_BYTES_MAX = 1 << 20
TOO_MANY, SERVER_ERROR = 429, 500
AGAIN = (408, 409, 425, TOO_MANY)  # And all failures of the server.
OK = range(200, 300)


class Again(Exception):
    """A call failed in a way that may pass: its `fault` in words, and in how many seconds to ask again, if stated."""

    def __init__(self, fault: str, words: str, after_s: float | None = None) -> None:
        super().__init__(words)
        self.fault, self.after_s = fault, after_s


class CallRefused(Exception):
    """The endpoint refuses such a call, and would again."""


def url_of(endpoint: str) -> str:
    """Return the address of chat completions below an endpoint. ValueError if that is not an address."""
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not endpoint.isascii() or " " in endpoint or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://host/v1")
    if parts.username or parts.password:
        raise ValueError("must hold no password: that is told apart from the address")
    return endpoint.rstrip("/") + "/chat/completions"


def headers_of(key: str | None) -> dict[str, str]:
    """Return the headers of each request; `key` is the bearer token."""
    headers = {
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "rollguard",
    }
    return headers if key is None else headers | {"authorization": f"Bearer {key}"}


def client_of(connections: int) -> httpx.AsyncClient:
    """Return a client for so many calls at once that follows no redirect, which would send the key to somebody else."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(limits=limits, follow_redirects=False)


async def called(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
) -> bytes:
    """Return the answer if it is complete in time, however slowly it drips. Again, CallRefused, UnusableAnswer."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _answer(client, url, headers, body, timeout_s)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Again("timeout", f"no answer in {timeout_s:g} s") from error
    except (httpx.HTTPError, OSError) as error:
        raise Again("unreachable", f"cannot be reached: {error}") from error


async def _answer(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
) -> bytes:
    request = client.stream("POST", url, content=body, headers=headers, timeout=timeout_s)
    async with request as response:
        status = response.status_code
        if status in AGAIN or status >= SERVER_ERROR:
            fault = "rate_limited" if status == TOO_MANY else "server_error"
            raise Again(fault, f"answered {status}", retry_after_s(response.headers.get("retry-after")))
        if status not in OK:
            raise CallRefused(f"answered {status}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise UnusableAnswer("answered what is compressed, and nobody asked for")
        parts, size = [], 0
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > ANSWER_BYTES_MAX:
                raise UnusableAnswer(f"answered more than {ANSWER_BYTES_MAX} bytes")
        return b"".join(parts)
