"""A store that answers what nobody can read: the page says that it does not answer, and looks again."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.page.live import Live
from flows.page.store import NoAnswer, Store

FOREVER = b"DateTime64(3)"
ANSWERS = {
    "lz4": (b"no frame", {"Content-Encoding": "lz4"}),
    "beyond all calendars": (bytes([1, 1, 1, 97, len(FOREVER)]) + FOREVER + b"\xff" * 7 + b"\x7f", {}),
}


class _Server(ThreadingHTTPServer):
    """Says that it is ClickHouse; to questions it gives `answer`, a body and headers."""

    daemon_threads = True
    answer: tuple[bytes, dict[str, str]] = b"", {}


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        body, headers = self.server.answer
        if b"version()" in asked:
            body, headers = b"25.8.1.1\tUTC\n", {}
        elif b"system.settings" in asked:
            body, headers = b"", {}
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_page_looks_again_after_an_answer_that_cannot_be_read(kind: str, server: _Server) -> None:
    """The thread that looks for what is new ended, and the page showed what it had, "ready", for ever."""
    live = Live(Store(f"http://127.0.0.1:{server.server_port}/rollguard"))
    server.answer = ANSWERS[kind]
    live.look()
    assert "cannot be read" in str(live.why)
    assert live.number == 0
    server.answer = b"", {}
    live.look()
    assert not live.why
    assert live.number == 1


def test_what_is_asked_then_is_told_so(server: _Server) -> None:
    server.answer = ANSWERS["lz4"]
    store = Store(f"http://127.0.0.1:{server.server_port}/rollguard")
    with pytest.raises(NoAnswer, match="cannot be read"):
        store.ask("live")
    store.close()
