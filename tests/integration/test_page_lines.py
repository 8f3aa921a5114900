"""Lines of the page over windows of sizes that policies have: which size is drawn, and how much traffic that is."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from flows.page.store import Row, Store
from flows.page.views.changed import failed
from tests.conftest import Embedded, migrated

START = "toDateTime64('2026-03-02 00:00:00', 3, 'UTC')"
SPAN: dict[str, Any] = {"slice": "*", "from": "2026-03-02 00:00:00.000", "to": "2026-03-02 02:00:00.000"}
# Of each model which sizes of sliding windows there are [min], and how many events are in a minute of it.
SIZES = {"five": ((5, 60), 100), "quiet": ((5, 60), 1), "tie": ((4, 6), 100), "hour": ((60,), 100)}
SLIDING = """
INSERT INTO sli_window (model, version, slice, kind, size_ms, window_start, window_end,
  sli, good, bad, ratio, lower, upper, ver)
SELECT '{model}', 'v1', '*', 'sliding', {minutes} * 60000, {start} + INTERVAL number - {minutes} MINUTE,
  {start} + INTERVAL number MINUTE, 'ok', {events} * {minutes}, 0, 1, 1, 1, 1 FROM numbers(121);
INSERT INTO measure_window (model, version, slice, kind, size_ms, window_start, window_end,
  measure, n, mean, p50, p90, p95, p99, max, ver)
SELECT '{model}', 'v1', '*', 'sliding', {minutes} * 60000, {start} + INTERVAL number - {minutes} MINUTE,
  {start} + INTERVAL number MINUTE, 'latency_ms', {events} * {minutes}, 1, 1, 1, 1, 1, 1, 1 FROM numbers(121)"""
# Two requests a second, of which one in ten fails: `old` until the first hour is over, `new` from then on.
TUMBLING = """
INSERT INTO outcome_window (model, version, slice, kind, size_ms, window_start, window_end,
  requests, error_types, errors, ver)
SELECT '{model}', 'v1', '*', 'tumbling', {minutes} * 60000, {start} + INTERVAL number * {minutes} MINUTE,
  {start} + INTERVAL (number + 1) * {minutes} MINUTE, 120 * {minutes}, [if(number * {minutes} < 60, 'old', 'new')],
  [12 * {minutes}], 1 FROM numbers(intDiv(120, {minutes}))"""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with migrated(tmp_path_factory.mktemp("lines")) as embedded:
        for model, (sizes, events) in SIZES.items():
            for minutes in sizes:
                for text in SLIDING.split(";"):
                    embedded.client.command(text.format(model=model, minutes=minutes, start=START, events=events))
        for model, minutes in (("minutes", 1), ("fives", 5), ("both", 5), ("both", 20), ("twenties", 20)):
            embedded.client.command(TUMBLING.format(model=model, minutes=minutes, start=START))
        yield embedded


@pytest.fixture(scope="module")
def store(embedded: Embedded) -> Iterator[Store]:
    with closing(Store(embedded.url)) as store:
        yield store


def test_the_size_nearest_to_five_minutes_is_drawn_of_those_that_have_events(store: Store) -> None:
    """At a tie it is the shorter one, and never both; of each model its own."""
    of_all = store.ask("sli_lines", model="", slis=[], step_s=60, **SPAN)
    drawn = {
        model: {row["good"] // events for row in of_all if row["model"] == model}
        for model, (_, events) in SIZES.items()
    }
    assert drawn == {"five": {5}, "quiet": {60}, "tie": {4}, "hour": {60}}
    for model, (_, events) in SIZES.items():
        rows = store.ask("sli_lines", model=model, slis=["ok"], step_s=60, **SPAN)
        assert rows == [row for row in of_all if row["model"] == model]
        assert len(rows) == len({row["at"] for row in rows}) == 120
        measures = store.ask("measure_lines", model=model, measures=["latency_ms"], step_s=60, **SPAN)
        assert [(row["at"], row["n"]) for row in measures] == [(row["at"], row["good"]) for row in rows]
        assert {row["n"] // events for row in measures} == drawn[model]


def traffic(store: Store, model: str, step_s: int, since: str) -> list[Row]:
    return store.ask("traffic_lines", model=model, step_s=step_s, since=since, **SPAN)


@pytest.mark.parametrize("model", ["minutes", "fives", "both", "twenties"])
@pytest.mark.parametrize("step_s", [10, 60, 900, 1_200])
def test_traffic_is_per_second_whatever_the_windows_of_a_policy(store: Store, model: str, step_s: int) -> None:
    rows = traffic(store, model, step_s, SPAN["from"])
    assert {row["per_second"] for row in rows} == {2.0}
    assert sum(row["requests"] for row in rows) == 14_400


def test_failures_are_told_since_a_moment_within_a_step(store: Store) -> None:
    (new, old) = failed(traffic(store, "minutes", 3_600, "2026-03-02 00:50:00.000"))
    assert new == {"version": "v1", "error_type": "new", "n": 720, "requests": 8_400, "share": 720 / 8_400}
    assert old == {"version": "v1", "error_type": "old", "n": 120, "requests": 8_400, "share": 120 / 8_400}
    (only,) = failed(traffic(store, "minutes", 3_600, "2026-03-02 01:00:00.000"))
    assert (only["error_type"], only["share"]) == ("new", 0.1)
