"""Alerts in a real Alertmanager (Debian's prometheus-alertmanager): they fire, become graver, and end."""

import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.control_samples import event
from tests.delivering import alert, follow, over
from tests.integration.ports import free_ports

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

pytestmark = pytest.mark.skipif(BINARY is None, reason="prometheus-alertmanager is not installed")


class Server:
    """An Alertmanager on loopback, which may be restarted with nothing remembered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "config.yml").write_text(CONFIG)
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.stop()
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        words = [
            str(BINARY),
            f"--config.file={self._folder}/config.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while True:
            try:
                self._get("/-/ready")
                return
            except OSError:
                died = self._process.poll() is not None or time.monotonic() > until
                assert not died, (self._folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _get(self, path: str) -> bytes:
        """Return what it answers. OSError if that is no success."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ConnectionError(answer.status)
            return answer.read()
        finally:
            connection.close()

    def alerts(self) -> dict[tuple[str, str], Any]:
        """Return what fires now, by alertname and severity."""
        alerts = msgspec.json.decode(self._get("/api/v2/alerts"))
        found = {(each["labels"]["alertname"], each["labels"]["severity"]): each for each in alerts}
        assert len(found) == len(alerts)
        return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    found = Server(tmp_path)
    try:
        yield found
    finally:
        found.stop()


def test_alerts_fire_become_graver_and_end(server: Server) -> None:
    to = ("--alertmanager", server.url)
    strange = alert(1, severity="ticket", model='m"<\x1b[2J\u202e\n', runbook="https://runbooks/slo")
    assert follow(*to, events=(strange,)).exit_code == 0
    ((name, found),) = server.alerts().items()
    assert name == ("RollguardAlert", "ticket")
    assert found["labels"] == {
        "alertname": "RollguardAlert",
        "model": 'm"<?[2J?',
        "version": "v2",
        "rule": "slo",
        "severity": "ticket",
        "slice": "region=eu",
    }
    assert found["annotations"]["summary"].startswith("Rule slo fires on version v2 of model m")
    assert (found["annotations"]["runbook_url"], found["startsAt"]) == (
        "https://runbooks/slo",
        "2025-11-21T04:40:01.000Z",
    )
    graver = alert(2, model=strange.model, slices=())
    assert follow(*to, events=(graver,)).exit_code == 0
    assert list(server.alerts()) == [("RollguardAlert", "page")]
    assert follow(*to, events=(over(3, model=strange.model, slices=()),)).exit_code == 0
    assert server.alerts() == {}


def test_a_rollback_fires_until_users_are_well(server: Server) -> None:
    to = ("--alertmanager", server.url)
    follow(*to, events=(event(1, kind="hold", ts=int(time.time() * 1000)),))
    assert list(server.alerts()) == [("RollguardHold", "page")]
    events = (event(2, "v1"), event(3, "v1", "rollback_applied", severity="info"))
    follow(*to, events=(events[0], events[1], event(4, "v1", "rollback_ineffective")))
    assert set(server.alerts()) == {("RollguardRollback", "page"), ("RollguardRollbackIneffective", "page")}
    summary = server.alerts()["RollguardRollback", "page"]["annotations"]["summary"]
    assert summary == "The traffic has left version v2 of model m."
    follow(*to, events=(event(5, "v1", "recovered", severity="info"),))
    assert server.alerts() == {}


def test_one_that_has_forgotten_hears_again_what_is_open(server: Server) -> None:
    to = ("--alertmanager", server.url)
    follow(*to, events=(alert(1), alert(2, rule="other"), over(3)))
    server.start()
    assert server.alerts() == {}
    assert follow(*to).exit_code == 0
    assert [each["labels"]["rule"] for each in server.alerts().values()] == ["other"]
