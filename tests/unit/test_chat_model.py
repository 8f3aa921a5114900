"""A model asked over HTTP: what may pass is tried again, what is refused is not, and nothing strange is an answer."""

from collections.abc import Callable

import pytest

from operators.connectors.chat.call import ANSWER_BYTES_MAX
from operators.connectors.chat.model import ModelEndpoint, NoAnswer, WrongEndpoint
from tests.chatting import Call, Reply, chat

Script = Callable[[Call, int], Reply]
ASKED = [{"role": "user", "content": "Hello"}]


def _ask(script: Script, waits: list[float] | None = None, timeout_s: float = 5.0, key: str | None = None) -> str:
    with chat(script) as served:
        slept = (waits if waits is not None else []).append
        with ModelEndpoint(served.url + "/", "shop-v2", key=key, timeout_s=timeout_s, sleep=slept) as endpoint:
            return endpoint.ask(ASKED)


def test_the_question_is_asked_as_the_protocol_has_it() -> None:
    seen: list[Call] = []

    def script(call: Call, before: int) -> Reply:
        seen.append(call)
        return Reply(text="Hi")

    assert _ask(script, key="secret-1") == "Hi"
    (call,) = seen
    assert call.path == "/v1/chat/completions"
    assert call.body == {"model": "shop-v2", "messages": ASKED, "temperature": 0, "stream": False}
    assert call.headers["authorization"] == "Bearer secret-1"


def test_what_may_pass_is_tried_again_when_the_endpoint_says_so() -> None:
    replies = [
        Reply(status=429, headers={"Retry-After": "7"}),
        Reply(status=500),
        Reply(status=429, headers={"Retry-After": "3600"}),
        Reply(text="at last"),
    ]
    waits: list[float] = []
    assert _ask(lambda call, before: replies[before], waits) == "at last"
    assert waits == [7.0, 1.0, 30.0]


@pytest.mark.parametrize(("says", "waits_s"), [("nan", 0.5), ("inf", 30.0), ("-inf", 0.0), ("1e999", 30.0)])
def test_a_strange_time_to_try_again_is_bounded(says: str, waits_s: float) -> None:
    replies = [Reply(status=429, headers={"Retry-After": says}), Reply(text="at last")]
    waits: list[float] = []
    assert _ask(lambda call, before: replies[before], waits) == "at last"
    assert waits == [waits_s]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(status=503), "answered 503, 4 times"),
        (Reply(status=401), "answered 401"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), "answered 302"),
        (Reply(body=b"<html>"), "is no chat completion"),
        (Reply(body=b'{"choices": []}'), "is no chat completion"),
        (Reply(body=b"[" * 100_000), "is no chat completion"),
        (Reply(body=b'{"choices": [{"message": {"content": null}}]}'), "answered no text"),
        (Reply(body=b'{"choices": [{"message": {"content": [1]}}]}'), "answered no text"),
        (Reply(text="x" * ANSWER_BYTES_MAX), "more than"),
    ],
)
def test_what_is_no_answer_is_said(reply: Reply, says: str) -> None:
    with pytest.raises(NoAnswer, match=says):
        _ask(lambda call, before: reply)


def test_a_refusal_is_an_answer() -> None:
    body = b'{"choices": [{"message": {"content": null, "refusal": "I cannot help with that."}}]}'
    assert _ask(lambda call, before: Reply(body=body)) == "I cannot help with that."


def test_nobody_there_is_no_answer() -> None:
    waits: list[float] = []
    with (
        ModelEndpoint("http://127.0.0.1:1/v1", "m", sleep=waits.append) as endpoint,
        pytest.raises(NoAnswer, match="cannot be reached"),
    ):
        endpoint.ask(ASKED)
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "ftp://host/v1",
        "file:///etc/passwd",
        "http://",
        "http://host/a b",
        "http://h:99999",
        "http://a:b@h/v1",
        "http://h/v1?x=1",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(WrongEndpoint):
        ModelEndpoint(url, "m")
