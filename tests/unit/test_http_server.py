"""The server of probes answers while others hold it up: slow, many, long, and never done."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from flows import health, http_server
from flows.http_server import CONNECTIONS_MAX, REQUEST_BYTES_MAX, ProbeServer
from flows.pulse import Pulse
from operators.metrics import Metrics
from tests.unit.test_health import get

WAIT_S = 300.0  # Nothing takes so long, but on a machine with ten times as much to do as it can.


@pytest.fixture
def server() -> Iterator[ProbeServer]:
    server = health.serve("127.0.0.1:0", Metrics(CollectorRegistry()), Pulse())
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def connect(server: ProbeServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10)


def trickle(connection: socket.socket) -> None:
    """Send byte by byte, each well within the deadline."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        connection.sendall(b"G")
        time.sleep(0.05)


def livez(server: ProbeServer) -> int:
    return get(f"http://127.0.0.1:{server.server_address[1]}/livez")[0]


def ended(connection: socket.socket) -> bool:
    """Whether the server ends a connection without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_probes_get_through_hundreds_of_connections_that_say_nothing(server: ProbeServer) -> None:
    with ExitStack() as sockets:
        silent = [sockets.enter_context(connect(server)) for _ in range(4 * CONNECTIONS_MAX)]
        for _ in range(3):
            assert livez(server) == 200
        assert server.connections <= CONNECTIONS_MAX
        assert all(ended(each) for each in silent[: 3 * CONNECTIONS_MAX])


def test_a_request_has_a_deadline_however_it_trickles(server: ProbeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "REQUEST_S_MAX", 0.3)
    with connect(server) as slow, pytest.raises(ConnectionError):
        trickle(slow)


def test_a_request_without_an_end_is_cut_off(server: ProbeServer) -> None:
    with connect(server) as long:
        long.sendall(b"GET / HTTP/1.0\r\nX: " + b"x" * REQUEST_BYTES_MAX)
        assert ended(long)
        assert livez(server) == 200


def test_who_does_not_read_the_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "ANSWER_S_MAX", 0.3)
    server = ProbeServer(("127.0.0.1", 0), lambda _: (200, b"x" * 50_000_000))
    with connect(server) as slow:
        slow.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        server.handle_request()  # Its thread writes until nobody takes any more.
        until = time.monotonic() + WAIT_S
        while server.connections and time.monotonic() < until:
            time.sleep(0.01)
        assert server.connections == 0
    server.server_close()
