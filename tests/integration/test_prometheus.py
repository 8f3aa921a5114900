"""A real Prometheus scrapes the dataflow's metrics, knows where a model stands, and fires the rule on its rollback."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flows import health
from flows.pulse import Pulse
from flows.zeros import begin_at_zero
from operators.metrics import Metrics
from tests.dataflows.running import run_flow
from tests.integration.ports import free_ports
from tests.programs import program
from tests.rolled_back import START_MS, log, policy

pytestmark = pytest.mark.integration

RULES = Path(__file__).parents[2] / "infra" / "prometheus" / "rules.yaml"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs: [{{job_name: rollguard, static_configs: [{{targets: ["{target}"]}}]}}]
"""


class Prometheus:
    """Asked over its HTTP interface."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **query: str) -> Any:
        with urllib.request.urlopen(f"{self._url}{path}?{urllib.parse.urlencode(query)}", timeout=5) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/query", query=expr)["result"]
        return found

    def labels(self, expr: str) -> list[dict[str, str]]:
        """The labels of what an expression gives, without those that every scrape adds."""
        added = ("__name__", "instance", "job")
        return [{k: v for k, v in each["metric"].items() if k not in added} for each in self.query(expr)]


def until(condition: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            found = condition()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            found = None
        if found:
            return found
        assert time.monotonic() < end, "too late"
        time.sleep(0.1)


@contextmanager
def scraping(folder: Path, target: str) -> Iterator[Prometheus]:
    (port,) = free_ports(1)
    config = folder / "prometheus.yaml"
    config.write_text(CONFIG.format(rules=RULES, target=target))
    command = [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("w") as out:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder, stdout=out, stderr=out
        )
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(300)


def test_prometheus_knows_where_a_release_stands_and_fires_on_its_rollback(tmp_path: Path) -> None:
    metrics, pulse = Metrics(CollectorRegistry()), Pulse()
    begin_at_zero(metrics)
    server = health.serve("127.0.0.1:0", metrics, pulse)
    pulse.beat()
    metrics.add("ready", 1)
    try:
        with scraping(tmp_path, f"127.0.0.1:{server.server_address[1]}") as prometheus:
            until(lambda: prometheus.query('rollguard_control_events_total{type="rollback"}'))
            rules = prometheus.get("/api/v1/rules")["groups"][0]["rules"]
            until(lambda: all(rule["health"] == "ok" for rule in prometheus.get("/api/v1/rules")["groups"][0]["rules"]))
            assert len(rules) >= 6
            assert prometheus.query('ALERTS{alertstate="firing"}') == []
            ran = run_flow(policy(), [log()], START_MS + 3_600_000, metrics=metrics)
            assert "rollback" in [event.type for event in ran.control]
            acted = until(lambda: prometheus.labels('ALERTS{alertname="RollguardActed", alertstate="firing"}'))
            assert {each["type"] for each in acted} == {"rollback"}
            # A scrape that takes too long, on a machine with much to do, leaves all of it out: until the next.
            pinned, known, proven = (
                until(partial(prometheus.labels, expr))
                for expr in (
                    "rollguard_pinned == 1",
                    "rollguard_release_info == 1",
                    "rollguard_log_e >= rollguard_log_e_needed",
                )
            )
            assert pinned == [{"model": "m", "version": "v1"}]
            (info,) = known
            assert info["candidate"] == "v2"
            assert info["phase"] in ("rolled_back", "verifying", "recovered")
            assert proven == [{"model": "m", "version": "v2", "rule": "canary", "sli": "ok"}]
    finally:
        server.shutdown()
        server.server_close()
