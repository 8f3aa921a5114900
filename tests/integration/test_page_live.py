"""Streams to browsers that are cut and come back: of a server that starts anew, and of people who leave."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Route

from flows.page.app import CONNECTIONS_MAX
from flows.page.serve import Server
from tests.conftest import Embedded
from tests.page_browser import WAIT_S, Watched, browsing, served

pytestmark = pytest.mark.integration

COUNTED = "INSERT INTO progress (shard, at, requests, ver) VALUES ('s', '2026-03-02 00:00:{:02d}', 1, 1)"
HEADING = "document.querySelector('h1').textContent"
AWAY = "document.body.classList.contains('away')"


@pytest.fixture
def server(embedded_clickhouse: Embedded) -> Iterator[Server]:
    with served(embedded_clickhouse.url) as server:
        yield server


@contextmanager
def stream(server: Server) -> Iterator[http.client.HTTPResponse]:
    """The answer of a browser's stream, cut afterwards."""
    connection = http.client.HTTPConnection(server.address.removeprefix("http://").rstrip("/"), timeout=WAIT_S)
    connection.request("GET", "/live")
    with connection.getresponse() as answer:
        yield answer
    connection.close()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < end, "too late"
        time.sleep(0.1)


def number_of(answer: http.client.HTTPResponse) -> int:
    """Return the number that the stream says next."""
    while line := answer.readline():
        if line.startswith(b"id: "):
            return int(line[4:])
    raise AssertionError("the stream has ended")


def test_who_comes_back_is_told_at_once_how_far_it_is(server: Server, embedded_clickhouse: Embedded) -> None:
    with stream(server) as answer:
        first = number_of(answer)
    embedded_clickhouse.client.command(COUNTED.format(10))
    server.page.live.look()
    with stream(server) as answer:
        assert number_of(answer) > first
        embedded_clickhouse.client.command(COUNTED.format(20))
        assert number_of(answer) > first + 1  # Also of what comes later.


def test_who_leaves_makes_room_for_others(server: Server) -> None:
    with ExitStack() as people:
        held = [people.enter_context(stream(server)) for _ in range(CONNECTIONS_MAX)]
        assert {answer.status for answer in held} == {200}
        with stream(server) as answer:
            assert (answer.status, answer.getheader("retry-after")) == (503, "10")
    until(lambda: is_taken(server))


def is_taken(server: Server) -> bool:
    with stream(server) as answer:
        return answer.status == 200


def test_what_was_stored_before_the_stream_began_is_shown(server: Server, embedded_clickhouse: Embedded) -> None:
    """A page is made, and something is stored before its browser asks for the stream: no more may come for long."""

    def store(route: Route) -> None:
        embedded_clickhouse.client.command(COUNTED.format(10))
        server.page.live.look()
        route.continue_()

    with browsing() as browser:
        page = Watched(browser).page
        page.route("**/live", store)
        page.goto(server.address)
        until(lambda: page.evaluate(HEADING).startswith("All is well"))
        page.close()


class Absent(BaseHTTPRequestHandler):
    """What a proxy says while the server behind it starts: asked for a stream a browser gives up at this."""

    asked = threading.Event()

    def do_GET(self) -> None:
        self.send_error(502)
        self.asked.set()

    def log_message(self, *_: object) -> None:
        pass


def test_an_open_page_goes_on_when_the_server_is_back(server: Server, embedded_clickhouse: Embedded) -> None:
    at = server.address.removeprefix("http://").rstrip("/")
    with browsing() as browser:
        page = Watched(browser).page
        page.goto(server.address)
        assert page.evaluate(HEADING) == "Nothing is counted yet"
        page.evaluate("window.loaded = true")
        server.end()
        until(lambda: page.evaluate(AWAY))
        host, _, port = at.rpartition(":")
        with HTTPServer((host, int(port)), Absent) as absent:
            thread = threading.Thread(target=absent.serve_forever)
            thread.start()
            assert Absent.asked.wait(WAIT_S)
            absent.shutdown()
            thread.join()
        embedded_clickhouse.client.command(COUNTED.format(30))
        again = Server(embedded_clickhouse.url, at)
        try:
            again.begin()
            until(lambda: page.evaluate(HEADING).startswith("All is well"))
            assert (page.evaluate("window.loaded"), page.evaluate(AWAY)) == (True, False)
        finally:
            page.close()
            again.end()
