"""SQL on a replay of 300,056 database reads gives the tail latencies that HdrHistogram's own test expects.

HdrHistogram, HistogramLogReaderWriterTest.ycsbV1Log: one-second histograms, p99.9 of three ranges.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from tests.real_data.data import read_csv, read_json
from tests.real_data.replayed import ALWAYS, Item, Replayed, replayed

pytestmark = pytest.mark.real_data

# The published ranges count from here: together they leave out 337 reads, which are those of the first interval. It
# begins at .29 of this second, all others at .95, so this is between them and where a pane starts.
LOG_START = datetime.fromtimestamp(1_438_613_579.5, UTC)
READS = [300_056, 90_033, 209_686]
SERIES = ("ycsb", "read")


def _events() -> Iterator[Item]:
    """Yield one event per read, at the start of its interval, with the middle of its bucket as its latency."""
    rows = read_csv("latency_hdr_ycsb_read_intervals.csv.gz")
    for start, buckets in groupby(rows, key=lambda row: row["StartTimestamp"]):
        read = {"ts": round(float(start) * 1000), "model": SERIES[0], "version": SERIES[1]}
        for bucket in buckets:
            middle_us = (int(bucket["value_low"]) + int(bucket["value_high"])) / 2
            event = {**read, "latency_ms": middle_us / 1000}
            for number in range(int(bucket["count"])):
                yield {**event, "request_id": f"{start}/{bucket['value_low']}/{number}"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    with replayed(tmp_path_factory.mktemp("ycsb"), "ycsb.toml", {"reads": list(_events())}) as store:
        yield store


def _within(expected: dict[str, Any]) -> tuple[datetime, datetime]:
    if expected["range_s"] is None:
        return ALWAYS
    first, last = expected["range_s"]
    return LOG_START + timedelta(seconds=first), LOG_START + timedelta(seconds=last)


@pytest.mark.parametrize("index", range(3), ids=["whole log", "first 180 s", "the rest"])
def test_tail_latencies_are_the_published_ones(store: Replayed, index: int) -> None:
    expected = read_json("latency_hdr_ycsb_expected.json")["expected"][index]
    within = _within(expected)
    asked = {"model": SERIES[0], "measure": "latency_ms"}
    (row,) = store.ask("measure_quantiles", asked, within)
    assert row["n"] == expected["total"] == READS[index]
    tail = store.quantiles("latency_ms", [0.999], within=within)[SERIES]
    assert tail == pytest.approx([expected["p99_9"] / 1000], rel=0.01)
    assert row["max"] == pytest.approx(expected["max"] / 1000, rel=0.001)  # The middle of its bucket.


def test_every_second_keeps_its_own_count(store: Replayed) -> None:
    counts: dict[str, int] = {}
    for row in read_csv("latency_hdr_ycsb_read_intervals.csv.gz"):
        counts[row["StartTimestamp"]] = counts.get(row["StartTimestamp"], 0) + int(row["count"])
    panes = store.rows("SELECT sum(n) AS n FROM outcome_pane_latest GROUP BY pane_start ORDER BY pane_start")
    assert READS[0] - sum(READS[1:]) == panes[0]["n"]
    assert [row["n"] for row in panes] == list(counts.values())
