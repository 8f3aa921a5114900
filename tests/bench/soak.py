"""A worker on a real Kafka at a steady rate, with live timestamps: does it keep up, and does its memory stay flat?

`python -m tests.bench.soak [MINUTES] [EVENTS_PER_SECOND]` prints a line a minute, and the worst of all at the end.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.kafka.broker import TOPICS
from tests.bench.generate import lines, write
from tests.integration.clickhouse_bridge import Bridge
from tests.integration.kafka_broker import running
from tests.integration.working import Worker, working

WARM_UP_S = 30.0


def main(minutes: float, rate: int) -> None:
    with tempfile.TemporaryDirectory() as name, running(Path(name, "kafka")) as broker:
        folder = Path(name)
        broker.create(TOPICS)
        # Behind HTTP, so that the memory is the worker's own and not the database engine's.
        bridge = Bridge(folder / "clickhouse")
        bridge.start()
        environment = {
            "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "ROLLGUARD_CLICKHOUSE": bridge.url("rollguard"),
        }
        write(folder / "events.ndjson", lines(int(rate * 60 * minutes), 36, rate))
        feedback = [line[:-1] + b',"kind":"judge","value":4}' for line in lines(int(20 * 60 * minutes), 36, 20)]
        write(folder / "feedback.ndjson", feedback)
        producers = [
            _produce(broker.address, folder / "events.ndjson", "inference.events", rate),
            _produce(broker.address, folder / "feedback.ndjson", "inference.feedback", 20),
        ]
        try:
            with working(folder, environment) as worker:
                _watch(worker, minutes)
                assert worker.stop() == 0
        finally:
            for producer in producers:
                producer.kill()
            bridge.stop()


def _produce(address: str, path: Path, topic: str, rate: int) -> "subprocess.Popen[bytes]":
    program = [sys.executable, "-c", "from flows.cli import main; main()", "produce", str(path)]
    options = ["--topic", topic, "--rate", str(rate), "--now"]
    return subprocess.Popen(
        [*program, *options],
        env={"ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": address, "PATH": "", "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
    )


def _watch(worker: Worker, minutes: float) -> None:
    began = said = time.monotonic()
    worst = {"watermark lag s": 0.0, "open panes": 0.0, "lag messages": 0.0}
    first_mib = 0.0
    while (passed := time.monotonic() - began) < minutes * 60:
        time.sleep(1)
        if passed < WARM_UP_S:
            first_mib = _resident_mib(worker.process.pid)
            continue
        now = {
            "watermark lag s": max(worker.metrics("watermark_lag_seconds").values(), default=0.0),
            "open panes": max(worker.metrics("open_panes").values(), default=0.0),
            "lag messages": sum(worker.metrics("lag").values()),
        }
        worst = {name: max(value, now[name]) for name, value in worst.items()}
        if time.monotonic() - said > 60:
            said = time.monotonic()
            items = sum(worker.metrics("items_total").values())
            print(
                f"{passed / 60:4.0f} min, {items:9.0f} items, {_resident_mib(worker.process.pid):.0f} MiB, {now}",
                flush=True,
            )
    last_mib = _resident_mib(worker.process.pid)
    print(f"worst after {WARM_UP_S:.0f} s: {worst}; memory {first_mib:.0f} MiB then, {last_mib:.0f} MiB at the end")


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(float(arguments[0]) if arguments else 10.0, int(arguments[1]) if len(arguments) > 1 else 2_000)
