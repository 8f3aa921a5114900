"""A process that waits for the others of its cluster, who never come, ends when it is asked to."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.ports import free_ports

WAITING = """
import sys
from datetime import timedelta
from pathlib import Path
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource
from prometheus_client import CollectorRegistry
from flows import engine, watchdog
from flows.cli_errors import interruptible
from flows.pulse import Pulse
from flows.recovery.store import opened
from operators.connectors.stop import Stop
from operators.metrics import Metrics

watchdog.STOP_S = 0.5
flow = Dataflow("waiting")
op.output("out", op.input("in", flow, TestingSource([1])), TestingSink([]))
stop = Stop()
with (
    interruptible(stop),
    watchdog.watching(Pulse(), stop, Metrics(CollectorRegistry())),
    opened(Path(sys.argv[1]), 0, 2) as store,
):
    print("waiting", flush=True)
    engine.run(flow, 0, sys.argv[2:], timedelta(seconds=1), store.config)
print("not waiting", flush=True)
"""


def test_sigterm_ends_a_process_whose_peers_never_come(tmp_path: Path) -> None:
    """The engine waits for them in its own code, without end, and heeds no signal."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path / "recovery"), *addresses],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        try:
            process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
        said, complaint = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert said == ""
    assert process.returncode == 1
    assert complaint.splitlines()[-1].startswith("rollguard: did not end within")
