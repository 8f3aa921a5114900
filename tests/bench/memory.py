"""Prints the memory of windows a series with full rings: ten events a series and pane, the default policy."""

import tempfile
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np

from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.window.panes import Closed, Panes
from operators.window.partial import Partial
from operators.window.windows import Windows
from tests.bench.loads import Load, policy_of, write_load
from tests.dataflows.making import received

FULL = 390  # Panes of ten seconds: an hour and five minutes fill all rings.


def panes_of(load: Load, policy: Policy) -> list[Partial]:
    """Return the panes of a load as a shard closes them, those of its first model alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.ndjson")
        write_load(load, path)
        events = [line for line in path.read_bytes().splitlines() if b'"model-0"' in line]
    partition, shard = Partition("log", "events", ("log",), policy), Panes(policy)
    closed: list[Closed] = []
    for start in range(0, len(events), 4_000):
        for _, item in partition.take(received(events[start : start + 4_000])).inputs:
            closed += [each for each in shard.push(item) if isinstance(each, Closed)]
    return [each.on_time for each in closed if each.on_time is not None][1:]


def bytes_a_series(load: Load, panes: int) -> tuple[float, int]:
    """Return the bytes that windows hold a finest series after so many panes, those of `load` again and again."""
    policy = policy_of(load)
    parts = panes_of(load, policy)
    first = int(parts[0].pane[0])
    tracemalloc.start()
    windows = Windows(policy, tuple(QUANTILES.values()))
    for number in range(panes):
        part = parts[number % len(parts)]
        on_time = msgspec.structs.replace(part, pane=np.full(part.rows, first + number))
        for _ in windows.push(windows.numbered(Closed(pane=first + number, on_time=on_time))):
            pass
        windows.take_stored()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    series = max(part.rows for part in parts)
    return held / series, series


if __name__ == "__main__":
    found, series = bytes_a_series(Load(series=1_800, per_second=1_800, seconds=310), FULL)
    print(f"{series} series: {found / 1024:.1f} KiB each")
