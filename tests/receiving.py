"""A real HTTP server on loopback that keeps what it is sent."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec


class Receiver(HTTPServer):
    """Answers with the codes that it was given, one after the other, then with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes: list[int] = []
        self.wait_s = 0.0
        self.taken: list[tuple[str, dict[str, str], bytes]] = []  # Method, headers, body.
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/secret"

    def bodies(self) -> list[Any]:
        """Return what was posted, as JSON."""
        return [msgspec.json.decode(body) for _, _, body in self.taken]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:  # Its name in the library.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.command, dict(self.headers), body))
        self.server.paths.append(self.path)
        time.sleep(self.server.wait_s)
        code = self.server.codes.pop(0) if self.server.codes else 200
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve in a thread until the end."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
