"""Prints the memory of windows a series with full rings: ten events a series and pane, the default policy.

`--whole` (minutes): the peak of a process in which a partition and a shard take a log of 36,000 series of one model,
18,000 events a second, until all rings are full. Five minutes of it are read; then their panes come again and again.
"""

import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from operators.connectors.clickhouse.heap import return_memory
from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.rows.panes import rows_of_stored
from operators.rows.windows import rows_of_windows
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.partial import Partial
from operators.window.recall import RecalledWindows
from operators.window.windows import Windows
from tests.bench.flows import own_peak_bytes
from tests.bench.loads import Load, policy_of, write_load
from tests.dataflows.making import received

ROWS_GIVEN_BACK = 100_000  # As the sink does; to import it takes memory, too.
FULL = 390  # Panes of ten seconds: an hour and five minutes fill all rings.
SOME = Load(series=1_800, per_second=1_800, seconds=310)
WHOLE = Load(series=36_000, models=1, per_second=18_000, seconds=310, distinct=2_000_000)


def closed_panes(path: Path, partition: Partition, shard: Panes) -> Iterator[Closed]:
    """Yield the panes of a log as a shard closes them, those of its first model alone."""
    with path.open("rb") as file:
        events = (line.rstrip(b"\n") for line in file if b'"model-0"' in line)
        while some := list(islice(events, 4_000)):
            for _, item in partition.take(received(some)).inputs:
                yield from (each for each in shard.push(item) if isinstance(each, Closed) and each.on_time is not None)


def panes_of(load: Load, policy: Policy) -> list[Partial]:
    """Return what the panes of a load hold, without the first one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.ndjson")
        write_load(load, path)
        panes = closed_panes(path, Partition("log", "events", ("log",), policy), Panes(policy))
        return [each.on_time for each in panes if each.on_time is not None][1:]


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


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """The peak of a process [bytes], the finest series of a pane, and the bytes that a pane is kept as for recovery."""

    peak_bytes: int
    series: int
    pane_bytes: float


def whole(load: Load, path: Path, panes: int) -> Whole:
    """Take a log, and its panes again and again until there were so many; rows are made, and thrown away."""
    policy = policy_of(load)
    partition, shard = Partition("log", "events", ("log",), policy), Panes(policy)
    windows, evaluation = RecalledWindows(policy, tuple(QUANTILES.values()), None), ShardEvaluation(policy)
    packed: list[bytes] = []
    series = rows = 0
    for closed in _lasting(closed_panes(path, partition, shard), packed, panes):
        for moved in windows.push(closed):
            made = rows_of_windows([(each, closed) for each in moved.windows], policy)
            rows += sum(map(len, [*made, *rows_of_stored(moved.stored, policy)]))
            evaluation.push(moved)
        if rows > ROWS_GIVEN_BACK:
            rows = 0
            return_memory()
        series = max(series, closed.on_time.rows if closed.on_time else 0)
    held = sum(map(len, packed)) / len(packed)
    return Whole(peak_bytes=own_peak_bytes(), series=series, pane_bytes=held)


def _lasting(read: Iterator[Closed], packed: list[bytes], panes: int) -> Iterator[Closed]:
    """Yield panes that were read, then the same ones as later panes until there were so many; `packed` are they."""
    last: Closed | None = None
    for each in read:
        if each.on_time is not None and last is not None:  # The first pane may not be a whole one.
            packed.append(pack(each.on_time))
        last = each
        yield each
    if last is None:
        return
    for number in range(1, panes - len(packed)):
        part, pane = unpack(packed[number % len(packed)]), last.pane + number
        on_time = msgspec.structs.replace(part, pane=np.full(part.rows, pane))
        yield msgspec.structs.replace(last, pane=pane, order=last.order + number, on_time=on_time)


def main(arguments: Sequence[str]) -> None:
    if not arguments:
        found, series = bytes_a_series(SOME, FULL)
        print(f"{series} series: {found / 1024:.1f} KiB each")
    elif arguments[0] == "--whole":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "events.ndjson")
            write_load(WHOLE, path)
            # In a process of its own: to make the log takes memory, too.
            subprocess.run([sys.executable, "-m", "tests.bench.memory", str(path)], check=True)
    else:
        held = whole(WHOLE, Path(arguments[0]), FULL)
        print(f"{held.series} series: at most {held.peak_bytes / 2**30:.2f} GiB; a pane packed {held.pane_bytes:.0f} B")


if __name__ == "__main__":
    main(sys.argv[1:])
