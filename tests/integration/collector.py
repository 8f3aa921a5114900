"""A real OpenTelemetry collector, built from its Go modules once, with what `infra/examples/collector.yaml` needs."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.programs import BUILD

VERSION = "0.155.0"  # Of all of them: other versions of the exporter do not fit together.
BUILDER = f"""
dist:
  name: collector
  output_path: {BUILD}/collector
  version: {VERSION}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v{VERSION}
processors:
  - gomod: go.opentelemetry.io/collector/processor/batchprocessor v{VERSION}
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter v{VERSION}
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.61.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.61.0
"""
WAIT_S = 300.0


def built() -> Path:
    """Where the collector is. Without Go, or where its modules cannot be reached, the test is skipped."""
    path = BUILD / "collector" / "collector"
    if path.exists():
        return path
    if shutil.which("go") is None:
        pytest.skip("no collector: no Go to build it with")
    BUILD.mkdir(exist_ok=True)
    config = BUILD / "collector.yaml"
    config.write_text(BUILDER)
    command = ["go", "run", f"go.opentelemetry.io/collector/cmd/builder@v{VERSION}", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and any(word in done.stderr for word in ("dial tcp", "no such host", "proxyconnect")):
        pytest.skip("no collector: Go's modules cannot be reached")
    assert done.returncode == 0, done.stderr[-2_000:]
    return path


@contextmanager
def collecting(config: Path, address: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A collector that takes batches at `address`; it sends what it holds when it is asked to end."""
    with log.open("ab") as file:
        process = subprocess.Popen([str(built()), "--config", f"file:{config}"], stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + WAIT_S
        while not _answers(address):
            assert process.poll() is None, log.read_text()[-2_000:]
            assert time.monotonic() < deadline, log.read_text()[-2_000:]
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{address}/", timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def post(address: str, kind: str, message: bytes) -> None:
    """Send a batch of `kind`, traces or logs, as the SDK's exporter does."""
    request = urllib.request.Request(
        f"http://{address}/v1/{kind}", data=message, headers={"Content-Type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.status == 200
