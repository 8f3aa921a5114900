"""A worker goes on under a policy with longer windows: panes are held for longer, and windows say what they lack."""

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flows.recovery.parts import parts_of
from operators.policy_file.toml import parse
from tests.dataflows.making import STARTED_MS, log
from tests.dataflows.running import Table, run_flow
from tests.dataflows.test_policy_evolution import going_on, stayed
from tests.oracle import Log
from tests.policies import base, sli, table

OK = sli("availability", "no_error")
OUTLIERS = table("dedup", horizon="0s") + table("dead_letters", share_max=1.0)

BEFORE = base("segment", tumbling=["30s"], sliding=[("1m", "10s"), ("2m", "1m")]) + OK + OUTLIERS
LONGER = BEFORE.replace('size = "2m", every = "1m"', 'size = "4m", every = "30s"')
LONGEST = BEFORE.replace('size = "2m", every = "1m"', 'size = "7m", every = "1m"')


def logs() -> list[Log]:
    """Ten minutes of events."""
    return [log("events", Random(7), 240, spacing_ms=2_500, models=1)]


def undisturbed(text: str) -> Table:
    """What one run under a policy writes."""
    return run_flow(parse(text), logs(), STARTED_MS, sizes=lambda: 20).tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Table, list[Table]]:
    store = tmp_path_factory.mktemp("store")
    policies = [parse(each) for each in (BEFORE, LONGER, LONGER, LONGEST)]
    return store, *going_on(store, policies, logs(), 2)


def of_size(tables: Table, minutes: int) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of a window by what they are of."""
    return {
        (name, *(str(row.get(key)) for key in ("model", "version", "slice", "sli", "measure", "window_end"))): row
        for name in ("sli_window", "measure_window")
        for row in tables[name]
        if row["size_ms"] == minutes * 60_000
    }


def test_what_stayed_is_as_in_an_undisturbed_run(runs: tuple[Path, Table, list[Table]]) -> None:
    _, every, each = runs
    found, wanted = (without_long(tables) for tables in (every, undisturbed(BEFORE)))
    assert stayed(found) == stayed(wanted)
    assert len(stayed(without_long(each[3]))) > 50


def test_longer_windows_say_how_much_of_them_is_there_and_are_right_once_it_all_is(
    runs: tuple[Path, Table, list[Table]],
) -> None:
    """Panes that are held for them in two rings of slots come back at two further starts."""
    _, every, _ = runs
    lacking = 0
    for minutes, text in ((4, LONGER), (7, LONGEST)):
        found, wanted = of_size(every, minutes), of_size(undisturbed(text), minutes)
        whole = {key for key, row in found.items() if key[0] == "sli_window" and row["coverage"] == 1}
        thin = {key for key, row in found.items() if key[0] == "sli_window"} - whole
        assert whole, minutes
        for key in whole:
            assert found[key] | {"policy": ""} == wanted[key] | {"policy": ""}
        assert all(found[key]["good"] + found[key]["bad"] <= wanted[key]["good"] + wanted[key]["bad"] for key in thin)
        assert all(0 < found[key]["coverage"] < 1 for key in thin)
        lacking += len(thin)
    assert lacking > 20


def test_what_is_held_no_more_leaves_the_store(runs: tuple[Path, Table, list[Table]]) -> None:
    store, _, _ = runs
    left: dict[str, bool] = {}
    for path in parts_of(store):
        with closing(sqlite3.connect(path)) as part:
            rows = part.execute(
                "SELECT state_key, ser_change FROM snaps WHERE step_id LIKE '%ring%' ORDER BY snap_epoch"
            )
            left |= {key: change is not None for key, change in rows}
    first = {key: there for key, there in left.items() if key.count("/") == 1 and key.split("/")[1]}
    # But for slots whose pane no window needed any more when windows became longer.
    assert sum(first.values()) < len(first) / 4
    assert [key for key, there in left.items() if there and "/2/" in key]


def without_long(tables: Table) -> Table:
    """All but windows of two minutes and more."""
    return {name: [row for row in rows if row.get("size_ms", 0) < 120_000] for name, rows in tables.items()}
