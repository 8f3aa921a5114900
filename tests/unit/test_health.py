"""What a supervisor is told: metrics, whether epochs go on, and nothing else."""

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from flows import health
from flows.pulse import Pulse
from operators.metrics import Metrics


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_worker_is_ready_after_its_first_epoch_and_alive_while_they_go_on() -> None:
    clock = Clock()
    metrics, pulse = Metrics(CollectorRegistry()), Pulse(clock=clock)
    server = health.serve("127.0.0.1:0", metrics, pulse)
    try:
        place = f"http://127.0.0.1:{server.server_address[1]}"
        metrics.add("items", 3, "events")
        assert 'rollguard_items_total{stream="events"} 3.0' in get(f"{place}/metrics")[1]
        assert get(f"{place}/readyz")[0] == 503
        assert get(f"{place}/livez") == (200, "alive\n")
        pulse.beat()
        pulse.note("writers", "another worker writes of this model")
        assert get(f"{place}/readyz") == (200, "ready\nnote: another worker writes of this model\n")
        clock.now = 31.0
        pulse.note("writers", None)
        assert get(f"{place}/readyz") == (503, "it is 31 s since an epoch ended\n")
        assert get(f"{place}/livez")[0] == 200
        pulse.beat()
        assert get(f"{place}/readyz") == (503, "it is 31 s since a Kafka broker answered\n")
        pulse.beat("broker")
        pulse.fault("missing", "Kafka has no topic rollguard.control")
        assert get(f"{place}/readyz") == (503, "Kafka has no topic rollguard.control\n")
        pulse.fault("missing", None)
        assert get(f"{place}/readyz")[0] == 200
        clock.now = 31.0 + 241.0
        assert get(f"{place}/livez")[0] == 503
        assert get(f"{place}/etc")[0] == 404
    finally:
        server.shutdown()
        server.server_close()


def test_an_address_in_use_is_named() -> None:
    server = health.serve("127.0.0.1:0", Metrics(CollectorRegistry()), Pulse())
    try:
        taken = f"127.0.0.1:{server.server_address[1]}"
        with pytest.raises(OSError, match="in use") as raised:
            health.serve(taken, Metrics(CollectorRegistry()), Pulse())
        assert raised.value.filename == taken
    finally:
        server.shutdown()
        server.server_close()
