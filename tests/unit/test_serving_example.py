"""The example service reports what it serves, streamed answers and callers that go away included."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace as Of
from typing import Any

from gateway.outlets import FileOutlet
from gateway.reporter import Reporter
from infra.examples.serving import app

USAGE = Of(prompt_tokens=7, completion_tokens=2)


async def complete(prompt: str) -> Any:
    if prompt == "fail":
        raise TimeoutError("the model is slow")
    return Of(usage=USAGE, choices=[Of(message=Of(content=prompt.upper()))])


def chunk(content: str | None = None, finish: str | None = None, usage: Any = None) -> Any:
    """A chunk as OpenAI streams it: the last one has usage and no choices."""
    return Of(usage=usage, choices=[] if usage else [Of(delta=Of(content=content), finish_reason=finish)])


async def stream(prompt: str) -> AsyncIterator[Any]:
    yield chunk("")  # The role comes first, and no text.
    await asyncio.sleep(0.02)
    for word in prompt.split():
        yield chunk(word)
        await asyncio.sleep(0)
    if prompt == "break off":
        raise ConnectionError("gone")
    yield chunk(finish="stop")
    yield chunk(usage=USAGE)


def asked(
    out: Path, path: str, body: dict[str, Any], leave_after: int | None = None
) -> tuple[int, bytes, dict[str, Any]]:
    """The answer of the service over ASGI, and the event that is reported of it; or a caller that goes away."""
    reporter = Reporter(FileOutlet(out))
    service = app(reporter, complete, stream, "v2")
    sent: list[Any] = []
    gone = asyncio.Event()

    async def receive() -> Any:
        if not sent:
            sent.append(None)
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if leave_after is not None and sum(bool(each and each.get("body")) for each in sent) >= leave_after:
            gone.set()
            await asyncio.sleep(0.01)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    scope |= {"headers": [(b"content-type", b"application/json")], "http_version": "1.1", "asgi": {"version": "3.0"}}
    scope |= {"scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": ""}
    with suppress(TimeoutError, ConnectionError):  # What the model raises goes on to the server, which answers 500.
        asyncio.run(service(scope, receive, send))
    reporter.close()
    answers = [each for each in sent if each]
    events = (out / "events.ndjson").read_bytes().splitlines() if (out / "events.ndjson").exists() else []
    status = answers[0]["status"] if answers else 500
    return status, b"".join(each.get("body", b"") for each in answers), json.loads(events[-1]) if events else {}


def test_an_answer_is_reported(tmp_path: Path) -> None:
    status, body, event = asked(tmp_path, "/complete", {"prompt": "hello", "user": "u"})
    assert status == 200
    assert json.loads(body) == {"request_id": event["request_id"], "text": "HELLO"}
    wanted = {"model": "assistant", "version": "v2", "user_id": "u", "input_tokens": 7, "output_tokens": 2}
    assert wanted.items() <= event.items()
    assert (event["input"], event["output"], event["endpoint"]) == ("hello", "HELLO", "/complete")


def test_a_failure_is_reported_and_goes_on(tmp_path: Path) -> None:
    status, _, event = asked(tmp_path, "/complete", {"prompt": "fail", "user": "u"})
    assert status == 500
    assert event["error_type"] == "TimeoutError"


def test_a_streamed_answer_is_reported_with_the_time_to_its_first_token(tmp_path: Path) -> None:
    status, body, event = asked(tmp_path, "/stream", {"prompt": "one two", "user": "u"})
    assert (status, body) == (200, b"onetwo")
    assert (event["finish_reason"], event["input_tokens"], event["output_tokens"]) == ("stop", 7, 2)
    assert 15 <= event["ttft_ms"] <= event["latency_ms"], "the chunk without text is no token"


def test_a_stream_that_breaks_off_is_a_failure(tmp_path: Path) -> None:
    _, _, event = asked(tmp_path, "/stream", {"prompt": "break off", "user": "u"})
    assert event["error_type"] == "ConnectionError"
    assert "output_tokens" not in event


def test_a_caller_that_goes_away_is_no_failure_of_the_model(tmp_path: Path) -> None:
    _, _, event = asked(tmp_path, "/stream", {"prompt": "word " * 1_000, "user": "u"}, leave_after=3)
    assert event["error_type"] == "client_cancelled"


def test_thumbs_name_the_request_alone(tmp_path: Path) -> None:
    status, _, _ = asked(tmp_path, "/thumbs", {"request_id": "r-1", "up": False})
    assert status == 200
    (line,) = (tmp_path / "feedback.ndjson").read_bytes().splitlines()
    assert {name: json.loads(line)[name] for name in ("request_id", "kind", "value")} == {
        "request_id": "r-1", "kind": "thumbs", "value": 0,
    }  # fmt: skip


def test_a_body_that_is_wrong_is_reported_by_nobody(tmp_path: Path) -> None:
    status, _, event = asked(tmp_path, "/complete", {"prompt": "hello"})
    assert (status, event) == (422, {})
