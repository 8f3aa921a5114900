"""Forms and heads that are too large, too slow or have no end: refused before they are kept, and hold nothing."""

import asyncio
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from flows.page import connections
from flows.page.app import Page
from flows.page.bodies import BODY_MAX, form_of
from flows.page.desk import Desk
from flows.page.security import COOKIE, session
from flows.page.serve import HEAD_MAX, Server
from tests.unit.test_page import TOKEN

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    url = f"chdb://{tmp_path_factory.mktemp('page')}/clickhouse"
    server = Server(url, "127.0.0.1:0", TOKEN, desk=Desk(TOKEN, lambda _: None))
    try:
        server.begin()
        yield server
    finally:
        server.end()


def opened(page: Server) -> socket.socket:
    host, port = page.address.removeprefix("http://").rstrip("/").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def status(page: Server, path: str, headers: str, body: bytes = b"") -> int:
    """Status of the answer to what is sent; the connection is left open by the sender."""
    method = "POST" if headers else "GET"
    cookie = f"Cookie: {COOKIE}={session(TOKEN, 'ann')}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}{headers}\r\n"
    with opened(page) as connection:
        connection.sendall(head.encode() + body)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("path", ["/login", "/do"])
def test_a_form_that_says_that_it_is_too_large_is_not_waited_for(page: Server, path: str) -> None:
    assert status(page, path, f"{FORM}Content-Length: {BODY_MAX + 1}\r\n") == 413


@pytest.mark.parametrize("path", ["/login", "/do"])
def test_one_that_says_nothing_of_its_size_is_read_up_to_the_limit(page: Server, path: str) -> None:
    part = b"%x\r\n%s\r\n" % (BODY_MAX + 1, b"a" * (BODY_MAX + 1))
    assert status(page, path, f"{FORM}Transfer-Encoding: chunked\r\n", part) == 413


def test_one_at_the_limit_is_read(page: Server) -> None:
    assert status(page, "/login", f"{FORM}Content-Length: {BODY_MAX}\r\n", b"a" * BODY_MAX) == 403


def test_an_address_that_is_too_large_is_refused(page: Server) -> None:
    assert status(page, f"/?at={'a' * HEAD_MAX}", "") == 400


def test_a_connection_that_was_refused_is_closed(page: Server) -> None:
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n{FORM}Content-Length: {BODY_MAX + 1}\r\n\r\n"
    with opened(page) as connection:
        connection.sendall(head.encode())
        assert b"connection: close" in connection.makefile("rb").read().lower()  # Reads to the end.


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow",
        "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /livez HTTP/1.1\r\nX-Slow",
        f"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n{FORM}Content-Length: 1000\r\n\r\ntoken",
    ],
)
def test_a_request_without_an_end_holds_no_connection(page: Server, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.05)
    with opened(page) as connection:
        connection.sendall(sent.encode())
        connection.settimeout(3)  # Less than an idle connection that is kept alive has.
        connection.makefile("rb").read()  # To the end.


def test_answers_that_nobody_reads_hold_no_connection(page: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than all buffers on the way take."""
    monkeypatch.setattr(connections, "IDLE_S", 0.2)
    asked = b"GET /static/any/page.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with opened(page) as connection:
        with suppress(ConnectionError):
            connection.sendall(3_000 * asked)
        connection.settimeout(20)
        ended = select.poll()
        ended.register(connection, 0)  # What has come is not looked at, only whether there is an end.
        assert ended.poll(20_000), "it is held as long as nobody reads"


def test_one_that_is_being_answered_is_kept(page: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.02)
    cookie = f"{COOKIE}={session(TOKEN, 'ann')}"
    with opened(page) as connection:
        connection.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        answer = connection.makefile("rb")
        assert answer.readline().split()[1] == b"200"
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            answer.read()


def post(messages: list[dict[str, Any]]) -> Request:
    """A request that sends these messages, then nothing more."""
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(left, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    return Request({"type": "http", "method": "POST", "headers": [], "path": "/login"}, receive)


@pytest.mark.parametrize(("last", "code"), [([], 408), ([{"type": "http.disconnect"}], 400)])
def test_a_form_without_an_end_is_given_up(last: list[dict[str, Any]], code: int) -> None:
    begun = {"type": "http.request", "body": b"token=", "more_body": True}
    with pytest.raises(HTTPException) as raised:
        asyncio.run(form_of(post([begun, *last]), wait_s=0.01))
    assert raised.value.status_code == code


def test_a_form_in_parts_is_one_form() -> None:
    parts = [
        {"type": "http.request", "body": b"a=1&b=&a", "more_body": True},
        {"type": "http.request", "body": b"=2&c=%C3%A4", "more_body": False},
    ]
    assert asyncio.run(form_of(post(parts))) == {"a": "1", "b": "", "c": "ä"}


def test_bodies_are_read_in_one_place() -> None:
    """A view that reads a body by itself would read it without a limit."""
    root = Path(Page.__call__.__code__.co_filename).parent
    readers = ("request.body(", "request.form(", "request.json(", "request.stream(")
    found = {path.name for path in root.rglob("*.py") if any(each in path.read_text() for each in readers)}
    assert found == {"bodies.py"}
