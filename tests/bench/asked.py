"""Prints what questions to a store of 3,600 series cost: a day of hours, a month of days; CPU ms of the engine.

Beside each the same without FINAL, which reads rows that come twice as two, and a pass that only reads the histograms
of the range and adds up their counts: no answer about quantiles can cost less. `--hours` and `--days` say how much of
them there is.
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from flows import settings
from operators.connectors.clickhouse.client import held, open_clickhouse
from operators.connectors.clickhouse.migrations import migrate

QUERIES = Path(__file__).parents[2] / "infra" / "clickhouse" / "queries"
SERIES = 3_600  # Of two versions, 60 regions and 30 segments.
START = datetime(2026, 1, 1, tzinfo=UTC)
THREADS = 2
MEASURES = ("latency_ms", "ttft_ms", "cost_usd", "input_tokens", "output_tokens")
GRAINS = {"1h": 3_600, "1d": 86_400}

_SERIES = """
'm' AS model, concat('v', toString(s % 2)) AS version,
map('region', concat('r', toString(intDiv(s, 2) % 60)), 'segment', concat('s', toString(intDiv(s, 120)))) AS dims,
concat('region=', dims['region'], ',segment=', dims['segment']) AS slice,
fromUnixTimestamp64Milli({start} + {seconds} * 1000 * t, 'UTC') AS pane_start, {seconds} * 1000 AS pane_ms
"""
_NUMBERS = "(SELECT number % {series} AS s, intDiv(number, {series}) AS t FROM numbers({series} * {times}))"
_CELLS = "arrayMap(i -> toUInt64(1 + intDiv(cityHash64(s, t, i) % 1000, 20 + abs(i - width / 2))), range(width))"
_COLUMNS = {
    "sli_pane": "'availability' AS sli, 990 AS good, cityHash64(s, t) % 9 AS bad, 1 AS neither",
    "outcome_pane": "arrayJoin(['', 'timeout', '500']) AS error_type, cityHash64(s, t, error_type) % 999 AS n",
    "measure_pane": f"""
        arrayJoin({list(MEASURES)}) AS measure, arraySum(counts) AS n, n * 2 AS sum, 1.5 AS min, 900.25 AS max,
        1.02 AS gamma, 150 + cityHash64(s, 7) % 60 AS width,
        arrayMap(i -> toInt16(200 + cityHash64(s) % 40 + i), range(width)) AS buckets, {_CELLS} AS counts""",
}
_NAMES = "SELECT name FROM system.columns WHERE table = {table:String} AND default_kind = ''"
_READ = "SELECT sum(length(buckets)), sum(arraySum(counts)) FROM {panes:Identifier} WHERE measure = 'latency_ms'"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question: its file, the tables that it is asked of by the name of its parameter, and the other parameters."""

    file: str
    tables: dict[str, str]
    params: dict[str, Any] = {}


def questions(seconds: int) -> list[Asked]:
    """Return those about panes, in steps of so many seconds where they have steps."""
    outcomes, measures = {"panes": "outcome_pane"}, {"panes": "measure_pane"}
    both = {"outcomes": "outcome_pane", "measures": "measure_pane"}
    finest, step = {"by": ["region", "segment"]}, {"step_s": seconds}
    latency = {"measure": "latency_ms"}
    return [
        Asked(file="measure_quantiles", tables=measures, params={"by": [], **latency}),
        Asked(file="measure_quantiles", tables=measures, params={**latency, **finest}),
        Asked(file="ttft_over_time", tables=measures, params=step),
        Asked(file="success_ratio", tables={"panes": "sli_pane"}, params={"sli": "availability", **finest}),
        Asked(file="errors_by_type", tables=outcomes, params=finest),
        Asked(file="requests_over_time", tables=outcomes, params=step),
        Asked(file="cost", tables=both, params=finest),
    ]


def fill(client: Client, grain: str, times: int) -> None:
    """Write so many hours or days of all series, as one part."""
    start, seconds = int(START.timestamp() * 1_000), GRAINS[grain]
    numbers = _NUMBERS.format(series=SERIES, times=times)
    for table, columns in _COLUMNS.items():
        known = client.query(_NAMES, {"table": f"{table}_{grain}"})
        names = ", ".join(row[0] for row in known.result_rows)
        series = _SERIES.format(start=start, seconds=seconds)
        rows = f"SELECT {series}, {columns}, 1 AS ver, now64(3, 'UTC') AS refreshed_at FROM {numbers}"  # noqa: S608
        client.command(f"SYSTEM STOP VIEW {table}_{grain}_refresh")
        client.command(f"INSERT INTO {table}_{grain} ({names}) SELECT {names} FROM ({rows})")  # noqa: S608
        client.command(f"OPTIMIZE TABLE {table}_{grain} FINAL")


def cpu_ms(client: Client, query: str, params: dict[str, Any]) -> float:
    """Return the least CPU time of the process over three answers."""
    spent = []
    for _ in range(3):
        began = time.process_time()
        client.query(query, params, settings={"max_threads": THREADS})
        spent.append(time.process_time() - began)
    return min(spent) * 1e3


def table(client: Client, grain: str, times: int) -> None:
    fill(client, grain, times)
    within = {"model": "m", "from": START, "to": START + timedelta(seconds=GRAINS[grain] * times)}
    read = cpu_ms(client, _READ, {"panes": f"measure_pane_{grain}_latest"})
    print(f"{times} x {grain}: histograms of a measure read, and no more: {read:.0f} ms")
    print("| question | FINAL | without |\n|---|---|---|")
    for asked in questions(GRAINS[grain]):
        sql = (QUERIES / f"{asked.file}.sql").read_text()
        costs = [
            cpu_ms(client, sql, within | asked.params | {of: f"{t}_{grain}{end}" for of, t in asked.tables.items()})
            for end in ("_latest", "")
        ]
        by = ", ".join(asked.params.get("by", ())) or "all"
        print(f"| {asked.file}, {by} | {costs[0]:.0f} ms | {costs[1]:.0f} ms |")
        sys.stdout.flush()


def main(hours: int, days: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = settings.embedded(Path(folder))
        with held(url):
            migrate(url, settings.migrations())
            client = open_clickhouse(url)
            try:
                table(client, "1h", hours)
                table(client, "1d", days)
            finally:
                client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--days", type=int, default=31)
    given = parser.parse_args()
    main(given.hours, given.days)
