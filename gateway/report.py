"""A producer's report on a request while it is served: the event is made when the request ends."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypedDict

ERROR_CHARS_MAX = 128
CANCELLED = "client_cancelled"
# Raised where a caller goes away: asyncio's, and that of a generator that is no longer read.
_CANCELS = ("CancelledError", "GeneratorExit")


Send = Callable[[dict[str, Any]], None]


class Fields(TypedDict, total=False):
    """An event's other fields (`operators/wire/events.py`), all optional."""

    slices: Mapping[str, str]
    attempt: int
    mirrored: bool
    error_type: str | None
    latency_ms: float
    ttft_ms: float
    input_tokens: int
    output_tokens: int
    cost_usd: float
    prediction: Any
    score: float
    features: Mapping[str, Any]
    embedding: Sequence[float]
    metrics: Mapping[str, float]
    flags: Sequence[str]
    prompt_version: str
    endpoint: str
    team: str
    session_id: str
    user_id: str
    trace_id: str
    retrieval: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    finish_reason: str
    input: Any
    output: Any


class Report:
    """One request. Used by one thread or task at a time; `fields` may be read and written until it ends.

    As a context manager it ends with the block: an exception there is raised on, and its class name becomes the event's
    error type; one that means that the caller has gone away becomes `client_cancelled`. Otherwise call `end`.
    """

    def __init__(
        self, model: str, version: str, request_id: str | None, send: Callable[[dict[str, Any]], None]
    ) -> None:
        self.request_id = request_id or uuid.uuid4().hex
        self.model, self.version = model, version
        self.fields: dict[str, Any] = {}
        self._send = send
        self._began = time.monotonic()
        self._ended = False

    def first_token(self) -> None:
        """Note that the first token, or chunk, of the answer has come; later calls change nothing."""
        self.fields.setdefault("ttft_ms", self._elapsed_ms())

    def tokens(self, *, input: int | None = None, output: int | None = None) -> None:  # noqa: A002  # The event's word.
        """Note the known numbers of tokens."""
        self.fields |= {
            name: count for name, count in (("input_tokens", input), ("output_tokens", output)) if count is not None
        }

    def error(self, kind: str | None) -> None:
        """Note that the request failed, and how; None takes that back."""
        self.fields["error_type"] = None if kind is None else kind[:ERROR_CHARS_MAX]

    def end(self) -> None:
        """Send the event; later calls, also a second end, change nothing."""
        if self._ended:
            return
        self._ended = True
        event = {"request_id": self.request_id, "ts": time.time_ns() // 1_000_000}
        event |= {"model": self.model, "version": self.version, "latency_ms": self._elapsed_ms()}
        self._send({**event, **self.fields})

    def __enter__(self) -> "Report":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and "error_type" not in self.fields:
            self.error(CANCELLED if kind.__name__ in _CANCELS else kind.__name__)
        self.end()

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._began) * 1_000, 3)
