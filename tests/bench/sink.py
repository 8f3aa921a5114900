"""Prints what an event costs beyond its rows, at 3,600 series with ten events a series and pane: ns of CPU.

The rows of some minutes are kept as they come from the dataflow, and then go through the sink, a minute at a time, as
they do in an epoch of a replay. The first minute is not counted. Beside decoding alone, in the same run, and the
engine's part beside what it takes to store the same columns from its own format (Native) and no others.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main
from clickhouse_connect.driver.client import Client

from flows import monitor, settings
from operators.connectors.clickhouse.client import held, open_clickhouse
from operators.connectors.clickhouse.inserter import SETTINGS, Inserter
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from operators.connectors.stop import Stop
from operators.sources.input import InputWatch
from operators.sources.monitor import MonitorSource
from operators.store.columns import TABLES
from operators.store.rows import Rows
from tests.bench.flows import Discard, cpu_s, decode_alone, file_input
from tests.bench.loads import Load, policy_of, write_load
from tests.bench.stores import Nowhere

LOAD = Load(series=3_600, per_second=3_600, seconds=180, start_ms=1_700_002_800_000)
FIRST_S = 60  # Of event time in the first epoch.
RUNS = 3  # The least is printed: the others had more noise.

Epochs = list[list[Rows]]


class _Keeping(DynamicSink[Any]):
    """Keeps rows by the batches they came in."""

    def __init__(self) -> None:
        self.batches: Epochs = []

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_KeepingPart":
        return _KeepingPart(self.batches)


class _KeepingPart(StatelessSinkPartition[Any]):
    def __init__(self, batches: Epochs) -> None:
        self._batches = batches

    def write_batch(self, items: list[tuple[str, Rows]]) -> None:
        self._batches.append([rows for _, rows in items])


def epochs_of(load: Load, path: Path) -> Epochs:
    """Return the rows of a load; an epoch ends with the panes of a minute."""
    policy, stop, kept = policy_of(load), Stop(), _Keeping()
    source = MonitorSource([file_input(path, policy)], policy, stop=stop, watch=InputWatch())
    flow = monitor.build(policy, source, kept, Discard(), Discard())
    run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]  # A native function.
    if stop.error is not None:
        raise stop.error
    epochs: Epochs = [[]]
    for batch in kept.batches:
        epochs[-1] += batch
        if any(rows.table == "measure_pane" for rows in batch):
            epochs.append([])
    return [epoch for epoch in epochs if epoch]


def through(client: Any, epochs: Epochs) -> float:
    """Return the CPU seconds of the process that all epochs but the first take in the sink."""
    inserter = Inserter(client, _refuse)
    began = 0.0
    for number, epoch in enumerate(epochs):
        if number == 1:
            began = time.process_time()
        for rows in epoch:
            inserter.add(rows)
        inserter.flush()
    return time.process_time() - began


def _refuse(poison: Poison) -> None:
    raise AssertionError(f"a row of {poison.table} is refused: {poison.error}")


def native_s(client: Client) -> float:
    """Store what every table holds once more, from the engine's own format; the CPU seconds of that."""
    blocks = []
    for table, columns in TABLES.items():
        query = f"SELECT {', '.join(columns)} FROM {table} FINAL"  # noqa: S608  # Both are ours.
        blocks.append((table, list(columns), client.raw_query(query, fmt="Native")))
        client.command(f"TRUNCATE TABLE {table}")
    began = time.process_time()
    for table, names, block in blocks:
        if block:
            client.raw_insert(table, names, block, dict(SETTINGS), "Native")
    return time.process_time() - began


def stored(epochs: Epochs) -> Iterator[tuple[float, float]]:
    """Yield by run the CPU seconds of the sink with the embedded store, and of the engine with its own format."""
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            url = settings.embedded(Path(folder))
            with held(url):
                migrate(url, settings.migrations())
                client = open_clickhouse(url)
                try:
                    yield through(client, epochs), native_s(client)
                finally:
                    client.close()


def main(load: Load) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.ndjson")
        write_load(load, path)
        epochs = epochs_of(load, path)
        with path.open("rb") as file:
            events = [line.rstrip(b"\n") for line, _ in zip(file, range(100_000), strict=False)]
    ours = min(through(Nowhere(), epochs) for _ in range(RUNS))
    whole, native = (min(each) for each in zip(*stored(epochs), strict=True))
    counted = load.events - FIRST_S * load.per_second
    for name, seconds in (("bytes", ours), ("embedded store", whole)):
        print(f"{name:24} {seconds / counted * 1e9:6.0f} ns an event")
    print(f"{'engine, own format':24} {native / load.events * 1e9:6.0f} ns an event")
    print(f"{'decoding alone':24} {cpu_s(lambda: decode_alone(events)) / len(events) * 1e9:6.0f} ns an event")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=LOAD.seconds)
    main(msgspec.structs.replace(LOAD, seconds=parser.parse_args().seconds))
