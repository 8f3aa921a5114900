"""What a supervisor is told: metrics, whether epochs go on, and nothing else."""

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from flows import health
from operators.metrics import Metrics


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_worker_is_ready_after_its_first_epoch_and_alive_while_they_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, pulse = Metrics(CollectorRegistry()), health.Pulse()
    server = health.serve("127.0.0.1:0", metrics, pulse)
    try:
        place = f"http://127.0.0.1:{server.server_address[1]}"
        metrics.add("items", 3, "events")
        assert 'rollguard_items_total{stream="events"} 3.0' in get(f"{place}/metrics")[1]
        assert get(f"{place}/readyz")[0] == 503
        assert get(f"{place}/livez") == (200, "alive\n")
        pulse.beat()
        assert get(f"{place}/readyz") == (200, "ready\n")
        monkeypatch.setattr(health, "STUCK_S", -1.0)
        assert get(f"{place}/livez")[0] == 503
        assert get(f"{place}/readyz")[0] == 503
        assert get(f"{place}/etc")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
