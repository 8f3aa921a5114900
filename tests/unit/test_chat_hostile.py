"""Endpoints that mean no good, or are ill: each costs one judgement and its time, no memory, and no key."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from operators.connectors.chat.call import ANSWER_BYTES_MAX
from operators.connectors.chat.client import ChatClient
from operators.connectors.chat.model import ModelEndpoint, NoAnswer
from operators.evaluators.case import Judged, JudgedCase
from operators.evaluators.llm import Llm
from operators.policy_file.evaluators import answer_evaluators_of

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """A server that reads a request and then does as it likes with the connection; gives its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(1 << 16)
                serve(connection)
            except OSError:
                return  # The client gave up: that is what is tested.

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def drip(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def drip_head(connection: socket.socket) -> None:
    connection.sendall(OK)
    while True:
        connection.sendall(b"x: y\r\n")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 10000000000\r\n\r\n")
    while True:
        connection.sendall(b" " * 65_536)


def endless_chunks(connection: socket.socket) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")


def answer(body: bytes, head: bytes = b"") -> Serve:
    def serve(connection: socket.socket) -> None:
        length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        connection.sendall(OK + head + length + body)

    return serve


def completion(score: str) -> bytes:
    content = json.dumps('{"help": {"reason": "", "score": SCORE}}').replace("SCORE", score)
    return b'{"choices": [{"message": {"content": ' + content.encode() + b"}}]}"


BOMB = gzip.compress(b" " * (16 << 20), 1)
SLOW = [drip, drip_head]
UNUSABLE = {
    "endless": endless,
    "endless chunks": endless_chunks,
    "bomb": answer(BOMB, b"Content-Encoding: gzip\r\n"),
    "nan": answer(completion("NaN")),
    "infinite": answer(completion("1e999")),
    "negative": answer(completion("-1")),
    "zero": answer(completion("0")),
    "six": answer(completion("6")),
    "half": answer(completion("4.5")),
    "text": answer(completion('\\"5\\"')),
    "truth": answer(completion("true")),
    "list": answer(completion("[5]")),
    "deep": answer(b"[" * 100_000),
    "not utf-8": answer(b'{"choices": [{"message": {"content": "\xff"}}]}'),
}


def judged(address: str, **keys: Any) -> Judged:
    table: dict[str, Any] = {"name": "helpful", "kind": "llm", "endpoint": address, "model": "j"}
    table |= {"criteria": {"help": "Does it?"}, "timeout": "400ms", "deadline": "600ms"}
    (evaluator,) = answer_evaluators_of([table | keys])
    assert isinstance(evaluator, Llm)
    client = ChatClient([evaluator], {"helpful": "sk-secret"})
    try:
        return client.ask(evaluator, JudgedCase(request_id="r", input="?", output="!")).result(30)
    finally:
        client.close()


def refusal(address: str, **keys: Any) -> str:
    """Why a model there does not answer, in words."""
    with ModelEndpoint(address, "m", **keys) as model, pytest.raises(NoAnswer) as caught:
        model.ask([{"role": "user", "content": "?"}])
    return str(caught.value)


@pytest.mark.parametrize("serve", SLOW)
def test_an_answer_that_drips_ends_with_its_time(serve: Serve) -> None:
    with serving(serve) as address:
        found = judged(address)
        assert (found.fault, list(found.scores)) == ("timeout", [])
        began = time.monotonic()
        assert "no answer in" in refusal(address, timeout_s=0.3, attempts=1)
        assert time.monotonic() - began < 300  # It would never end.


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_judgement_is_counted_and_is_no_score(name: str) -> None:
    with serving(UNUSABLE[name]) as address:
        found = judged(address, timeout="10s", deadline="20s")
    assert (found.fault, list(found.scores)) == ("unusable_answer", [])


@pytest.mark.parametrize("serve", [endless, endless_chunks, UNUSABLE["bomb"]])
def test_a_model_that_answers_without_end_is_left(serve: Serve) -> None:
    with serving(serve) as address:
        words = refusal(address, timeout_s=20)
    assert words in (
        f"answered more than {ANSWER_BYTES_MAX} bytes",
        "answered what is compressed, and nobody asked for",
    )


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_followed_elsewhere(status: int) -> None:
    """The key, and what is judged, would go to somebody else."""
    reached: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        reached.append(b"somebody")

    with serving(elsewhere) as other:

        def redirect(connection: socket.socket) -> None:
            head = f"HTTP/1.1 {status} Moved\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode())

        with serving(redirect) as address:
            assert judged(address).fault == "refused"
            assert refusal(address, key="sk-secret") == f"answered {status}"
    assert not reached
