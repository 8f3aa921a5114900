"""Prints what an event costs from the file to the store, at several loads; `--quick` with a few seconds of each.

Columns: CPU time of an event [ns] with rows thrown away, with the bytes that are sent, with an HTTP server of another
process that throws these away, and with the embedded store; the last in ms a pane of 10 s; the peak memory of the
process; and on the same file decoding alone, and DuckDB's SQL over all of it at once.
"""

import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.testing import run_main

from flows import monitor
from flows.garbage import collect_rarely
from operators.connectors.stop import Stop
from operators.sources.input import InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard, cpu_s, decode_alone, file_input, own_peak_bytes
from tests.bench.loads import Load, policy_of, write_load
from tests.bench.stores import SINKS, sink_of

FULL_S = 65 * 60  # All windows are full, and with them the memory.
QUICK_S = 60
DECODED = 100_000  # Lines that are decoded alone.
LOADS = (
    Load(series=36, per_second=360, seconds=FULL_S),
    Load(series=3_600, per_second=3_600, seconds=FULL_S),
    Load(series=36_000, per_second=18_000, seconds=600),
    Load(series=4_000, models=1, per_second=3_600, seconds=600),  # As many series as 1,000 models have below.
    *(Load(series=4 * models, models=models, per_second=3_600, seconds=600) for models in (1, 100, 1_000)),
    *(Load(series=36, per_second=3_600, seconds=600, rules=rules) for rules in (0, 10, 100)),
)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds of a run, and the peak memory of its process [bytes]."""

    cpu_s: float
    peak_bytes: int


def run(load: Load, path: Path, sink: str) -> Cost:
    """The monitor over a file, with the rows going to one of `stores.SINKS`."""
    collect_rarely()
    policy, stop = policy_of(load), Stop()
    source = MonitorSource([file_input(path, policy)], policy, stop=stop, watch=InputWatch())
    with tempfile.TemporaryDirectory() as folder, sink_of(sink, Path(folder)) as rows:
        flow = monitor.build(policy, source, rows, Discard(), Discard())
        began = time.process_time()
        run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]  # A native function.
        cpu = time.process_time() - began
    if stop.error is not None:
        raise stop.error
    return Cost(cpu_s=cpu, peak_bytes=own_peak_bytes())


def measured(load: Load, path: Path, sink: str) -> Cost:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.end_to_end", str(path), sink, msgspec.json.encode(load).decode()]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Cost)


def row(load: Load, path: Path) -> str:
    """Return the figures of a load as a row of the table."""
    # Not in the processes that are measured: DuckDB complains at the end of one that does not look for garbage.
    from tests.bench import batch_sql  # noqa: PLC0415

    write_load(load, path)
    costs = {sink: measured(load, path, sink) for sink in SINKS}
    with path.open("rb") as file:
        events = [line.rstrip(b"\n") for line, _ in zip(file, range(DECODED), strict=False)]
    alone = cpu_s(lambda: decode_alone(events), runs=2) / len(events)
    duck = batch_sql.seconds(path) / load.events
    store = costs["store"]
    cells = [
        f"{load.series} series, {load.models} models, {'default' if load.rules is None else load.rules} rules",
        *(f"{costs[sink].cpu_s / load.events * 1e9:.0f}" for sink in SINKS),
        f"{store.cpu_s / load.panes * 1e3:.0f} ms",
        f"{store.peak_bytes >> 20} MiB",
        f"{alone * 1e9:.0f}",
        f"{duck * 1e9:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(*, quick: bool) -> None:
    titles = ("load", *SINKS, "store, a pane", "peak", "decoding alone", "batch SQL")
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for load in LOADS:
            some = msgspec.structs.replace(load, seconds=QUICK_S) if quick else load
            print(row(some, Path(folder, "events.ndjson")), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        cost = run(msgspec.json.decode(sys.argv[3], type=Load), Path(sys.argv[1]), sys.argv[2])
        print(msgspec.json.encode(cost).decode())
    else:
        main(quick="--quick" in sys.argv)
