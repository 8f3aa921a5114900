"""An HTTP server for probes that nobody can keep busy: few connections, short requests, and a deadline for each.

Every connection serves one request, in a thread of its own. A connection beyond `CONNECTIONS_MAX` cuts the oldest off:
a probe asks at once and is answered in milliseconds, so the oldest is a slow one, and probes get through a flood of
slow sockets.
"""

import io
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONNECTIONS_MAX = 32
REQUEST_BYTES_MAX = 8_192  # Request line and headers.
REQUEST_S_MAX = 5.0  # Until the whole request has come.
ANSWER_S_MAX = 10.0  # Until the whole answer is taken.

Answer = Callable[[str], tuple[int, bytes]]  # Path to status and text.


class ProbeServer(ThreadingHTTPServer):
    """Answers GET at `host:port` with what `answer` says; OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        self.answer = answer
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}  # Oldest first.
        super().__init__(address, _Handler)

    @property
    def connections(self) -> int:
        """How many connections are being served."""
        return len(self._open)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                _cut(self._open.pop(next(iter(self._open))))
            self._open[id(request)] = request
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            if self._open.get(id(request)) is request:
                del self._open[id(request)]
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a client that goes away, or is cut off, is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: ProbeServer
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(io.BytesIO(_read_head(self.connection)))
        self.connection.settimeout(ANSWER_S_MAX)

    def do_GET(self) -> None:
        code, body = self.server.answer(self.path)
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do nothing: probes come every few seconds."""


def _read_head(connection: socket.socket) -> bytes:
    """Return the request line and headers. TimeoutError, or ConnectionError if they are too long or never end."""
    until = time.monotonic() + REQUEST_S_MAX
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        # A timeout alone would start again with every byte.
        connection.settimeout(max(until - time.monotonic(), 0.001))
        some = connection.recv(REQUEST_BYTES_MAX)
        head += some
        if not some or len(head) > REQUEST_BYTES_MAX:
            raise ConnectionError("no request")
    return head


def _cut(connection: socket.socket) -> None:
    """End the wait of the connection's thread, which then closes the socket itself."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # The connection has ended by itself.
