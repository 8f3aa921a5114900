"""A worker's answers to probes: /metrics for Prometheus, /livez and /readyz with 200 or 503."""

import threading
from collections.abc import Callable

from flows.http_server import ProbeServer
from flows.pulse import Pulse
from operators.metrics import Metrics


def serve(address: str, metrics: Metrics, pulse: Pulse) -> ProbeServer:
    """Answer at `host:port` from a thread of its own, nearly always idle. OSError names an address in use."""
    host, _, port = address.rpartition(":")
    answers: dict[str, Callable[[], tuple[int, bytes]]] = {
        "/metrics": lambda: (200, metrics.text()),
        "/livez": lambda: (200, b"alive\n") if pulse.alive else (503, b"no epoch has ended for long\n"),
        "/readyz": lambda: _readiness(pulse),
    }

    def answer(path: str) -> tuple[int, bytes]:
        found = answers.get(path)
        return found() if found else (404, b"try /metrics, /livez, /readyz\n")

    try:
        server = ProbeServer((host, int(port)), answer)
    except OSError as error:
        raise OSError(error.errno, error.strerror, address) from error
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    return server


def _readiness(pulse: Pulse) -> tuple[int, bytes]:
    why = pulse.unready
    lines = ["ready" if why is None else why, *(f"note: {note}" for note in pulse.notes)]
    return 200 if why is None else 503, "".join(f"{line}\n" for line in lines).encode()
