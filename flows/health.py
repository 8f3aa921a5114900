"""What a supervisor asks a worker: /metrics for Prometheus, /livez and /readyz with 200 or 503."""

import threading
import time
from collections.abc import Callable

from flows.http_server import ProbeServer
from operators.metrics import Metrics

# A worker whose epochs do not end is stuck. Above the time after which ClickHouse or Kafka are given up.
STUCK_S = 300.0


class Pulse:
    """When the last epoch ended. Ready after the first one, alive while they go on."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._epochs = 0

    def beat(self) -> None:
        self._last = time.monotonic()
        self._epochs += 1

    @property
    def ready(self) -> bool:
        return self._epochs > 0 and self.alive

    @property
    def alive(self) -> bool:
        return time.monotonic() - self._last < STUCK_S


def serve(address: str, metrics: Metrics, pulse: Pulse) -> ProbeServer:
    """Answer at `host:port` from a thread of its own, which waits nearly always; OSError if the port is taken."""
    host, _, port = address.rpartition(":")
    answers: dict[str, Callable[[], tuple[int, bytes]]] = {
        "/metrics": lambda: (200, metrics.text()),
        "/livez": lambda: (200, b"alive\n") if pulse.alive else (503, b"no epoch has ended for long\n"),
        "/readyz": lambda: (200, b"ready\n") if pulse.ready else (503, b"no epoch has ended yet\n"),
    }

    def answer(path: str) -> tuple[int, bytes]:
        found = answers.get(path)
        return found() if found else (404, b"try /metrics, /livez, /readyz\n")

    server = ProbeServer((host, int(port)), answer)
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    return server
