"""Prints how many rows and bytes a day takes in the store, by table, at 36 and 3,600 series with the default policy.

Some minutes of events (ten a series and pane) go through the worker's dataflow into the embedded store, whose parts
are merged into one, as they are in time. What is measured is scaled to a day; rows of windows that are stored less
often than once in this time are counted with the bytes of those like them.
"""

import argparse
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.testing import run_main

from flows import monitor, settings
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.stop import Stop
from operators.policy.policy import Policy
from operators.sources.input import InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard, file_input
from tests.bench.loads import Load, policy_of, write_load
from tests.bench.stores import sink_of

DAY_S = 86_400
START_MS = 1_700_002_800_000  # On the hour.
MODELS = VERSIONS = 2
LOADS = (
    Load(series=36, per_second=36, seconds=3_600, start_ms=START_MS),
    Load(series=3_600, per_second=3_600, seconds=600, start_ms=START_MS),
)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and bytes of a table in a day."""

    table: str
    rows: int
    bytes: int


def stored(load: Load, folder: Path, policy: Policy) -> list[Stored]:
    """Run a load into a store, and return what a day of it takes, by table."""
    path, stop = folder / "events.ndjson", Stop()
    write_load(load, path)
    source = MonitorSource([file_input(path, policy)], policy, stop=stop, watch=InputWatch())
    with sink_of("store", folder) as rows:
        flow = monitor.build(policy, source, rows, Discard(), Discard())
        run_main(flow, epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]  # A native function.
        if stop.error is not None:
            raise stop.error
        return _measured(load, settings.embedded(folder), policy)


def _measured(load: Load, url: str, policy: Policy) -> list[Stored]:
    client = open_clickhouse(url)
    try:
        for (table,) in client.query(_TABLES).result_rows:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        found = [(str(table), int(rows), int(size)) for table, rows, size in client.query(_SIZES).result_rows]
    finally:
        client.close()
    days = DAY_S / load.seconds
    rare = _rare(load, policy)
    out = []
    for table, rows, size in found:
        more = rare * {"sli_window": 2, "measure_window": len(policy.measures)}.get(table, 0)
        share = days + more / max(rows, 1)
        out.append(Stored(table=table, rows=round(rows * share), bytes=round(size * share)))
    return sorted(out, key=lambda each: -each.bytes)


def _rare(load: Load, policy: Policy) -> int:
    """How many rows of series a day has of windows that are stored less often than once in the time of the load."""
    regions, segments = load.sides
    sizes = {(): 1, (0,): regions, (1,): segments, (0, 1): regions * segments}
    return sum(
        load.models * VERSIONS * sizes[grain] * (DAY_S * 1_000 // each.every_ms)
        for reports in policy.reports.values()
        for each in reports
        for grain in each.grains
        if each.every_ms > load.seconds * 1_000
    )


_TABLES = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND NOT match(name, '_1[hd]$')
"""
_SIZES = """
SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE database = currentDatabase() AND active AND NOT match(table, '_1[hd]$') GROUP BY table HAVING sum(rows) > 0
"""


def main(loads: tuple[Load, ...]) -> None:
    for load in loads:
        with tempfile.TemporaryDirectory() as folder:
            tables = stored(load, Path(folder), policy_of(load))
        rows, size = sum(each.rows for each in tables), sum(each.bytes for each in tables)
        print(f"{load.series} series, {load.per_second} events/s: {rows / 1e6:.2f} M rows, {size / 1e6:.0f} MB a day")
        for each in tables:
            of = each.bytes / max(each.rows, 1)
            print(f"  {each.table:16} {each.rows / 1e6:8.2f} M rows {each.bytes / 1e6:8.1f} MB {of:6.2f} B a row")
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--series", type=int)
    asked = parser.parse_args()
    chosen = [load for load in LOADS if asked.series in (None, load.series)]
    if asked.seconds:
        chosen = [msgspec.structs.replace(load, seconds=asked.seconds) for load in chosen]
    main(tuple(chosen))
