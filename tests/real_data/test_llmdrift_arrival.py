"""LLMDrift as a log in which answers are written when they are done: event time is not arrival time."""

from collections.abc import Iterator

import pytest

from tests.oracle import Clock
from tests.real_data.data import read_csv
from tests.real_data.llmdrift import ROWS, requests
from tests.real_data.replayed import Item, Replayed, replayed

pytestmark = pytest.mark.real_data

SLOW = {"model": "gpt-3.5-turbo", "version": "0613"}
DISORDER_MS = 120_000  # As in the policy.


def _by_arrival() -> list[Item]:
    return sorted(requests(), key=lambda event: event["ts"] + event["latency_ms"])


def _late(log: list[Item]) -> list[Item]:
    """Those behind the time that the log has reached, by the default of events that do not move it."""
    clock, late = Clock(10, DISORDER_MS), []
    for event in log:
        if event["ts"] < clock.now - DISORDER_MS:
            late.append(event)
        clock.take(event["ts"])
    return late


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    with replayed(tmp_path_factory.mktemp("arrival"), "llmdrift.toml", {"answers": _by_arrival()}) as store:
        yield store


def test_the_slowest_answers_arrive_late_and_are_counted_apart(store: Replayed) -> None:
    """One answer took 1622.9 s: when it is written the panes of its time have long been judged.

    It must not reopen them, and must not vanish: totals of panes hold it, windows do not.
    """
    late = _late(_by_arrival())
    assert max(event["latency_ms"] for event in late) == 1_622_941.363
    assert store.summary["late"] == len(late)
    rows = store.rows(
        "SELECT late, sum(n) AS n, max(max) AS max FROM measure_pane_latest WHERE measure = 'latency_ms' "
        "AND model = {model:String} AND version = {version:String} GROUP BY late ORDER BY late",
        SLOW,
    )
    own = [event["latency_ms"] for event in late if event["version"] == "0613" and event["model"] == SLOW["model"]]
    assert [(row["late"], row["n"]) for row in rows] == [(0, 1_000 - len(own)), (1, len(own))]
    assert rows[1]["max"] == 1_622_941.363
    (window,) = store.rows(
        "SELECT n, max FROM measure_window_latest WHERE measure = 'latency_ms' AND slice = '*' "
        "AND model = {model:String} AND version = {version:String}",
        SLOW,
    )
    assert (window["n"], window["max"]) == (1_000 - len(own), rows[0]["max"])


def test_totals_do_not_depend_on_the_order_of_arrival(store: Replayed) -> None:
    rows = store.ask("cost", {"model": SLOW["model"]})
    tokens = [int(row["answer_token"]) for row in read_csv(ROWS) if row["model"].endswith("3.5-turbo-0613")]
    assert [(row["version"], row["requests"]) for row in rows] == [("0301", 1_000), ("0613", 1_000)]
    assert rows[1]["output_tokens"] == sum(tokens)


def test_the_outlier_moves_the_mean_and_not_the_median(store: Replayed) -> None:
    """A mean of 16.1 s beside a median of 8.7 s is mostly the work of two answers of a thousand."""
    (row,) = [
        row
        for row in store.ask("measure_quantiles", {"model": SLOW["model"], "measure": "latency_ms"})
        if row["version"] == SLOW["version"]
    ]
    assert (row["n"], row["max"]) == (1_000, 1_622_941.363)
    assert row["mean"] == pytest.approx(16_095.3245, rel=1e-6)
    assert row["p50"] == pytest.approx(8_749.39, rel=0.01)


def test_the_times_of_the_file_are_no_times_of_requests() -> None:
    """They say when a batch was saved: two or three for a thousand requests. So the row order stands for time here."""
    rows = read_csv(ROWS)
    for version in {row["model"] for row in rows}:
        assert len({row["timestamp"] for row in rows if row["model"] == version}) <= 3
