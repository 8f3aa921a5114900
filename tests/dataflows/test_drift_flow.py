"""With every kind of monitor on, the same logs give the same rows, bit by bit, whatever batches and interleaving."""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.profile import to_json
from operators.wire.control import ControlEvent
from tests.dataflows.making import POLICY, START_MS, STARTED_MS, event, feedback, packed
from tests.dataflows.running import Ran, exact, run_flow, run_pure, tables_of
from tests.dataflows.test_recovery import run_through_crashes
from tests.monitored import PROFILE
from tests.oracle import Log

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
FIELDS = '["features.amount", "features.card", "prediction", "score", "flags.refused"]'
MONITORS = f"""
[drift]
profile = "all.json"

[[monitor]]
name = "shifts"
kind = "psi"
on = {FIELDS}
slices = ["*", "region"]
window = "1m"

[[monitor]]
name = "arms"
kind = "psi"
on = {FIELDS}
reference = "baseline"
window = "30s"

[[monitor]]
name = "contract"
kind = "contract"
slices = ["*", "segment"]
window = "2m"

[[monitor]]
name = "clusters"
kind = "embedding"
window = "1m"

[[monitor]]
name = "judge"
kind = "sigma"
on = "feedback.judge"
window = "2m"

[[monitor]]
name = "level"
kind = "adwin"
on = ["sli.availability", "latency_ms", "feedback.judge"]
slices = ["*", "region"]
learned_from = 5

[[monitor]]
name = "level-too"
kind = "page_hinkley"
on = "latency_ms"
learned_from = 5
samples_min = 5
threshold = 3.0

[[rule]]
name = "drifted"
kind = "drift"
monitors = ["shifts", "contract", "level"]
slices = ["*"]

[release]
settle = "30s"
"""

MONITORED = {"shifts", "arms", "contract", "clusters", "judge", "level", "level-too"}
SERIES = ("model", "version", "slice", "field", "window_start", "window_end")


def policy() -> Policy:
    return parse(POLICY + MONITORS, {"all.json": to_json(PROFILE)})


def watched_log(name: str, seed: int, count: int, stream: str = "events", spacing_ms: int = 100) -> Log:
    random = Random(f"{name}{seed}")
    ts, items = START_MS, []
    for number in range(count):
        ts += round(random.expovariate(1 / spacing_ms))
        item: dict[str, Any] = (event if stream == "events" else feedback)(random, ts - random.randrange(3_000))
        if stream == "events":
            item["features"] = {
                "amount": random.choice([random.gauss(2, 1), random.gauss(2, 1), None, "n/a", 1e6]),
                "card": random.choice(["visa", "amex", "cash", f"new{number % 9}"]),
            }
            item["embedding"] = [random.random(), random.random()]
        items.append(item)
    return Log(name, stream, packed(random, items))


@pytest.fixture(scope="module")
def logs() -> list[Log]:
    return [
        watched_log("a", 1, 1_000, spacing_ms=200),
        watched_log("b", 2, 500, spacing_ms=400),
        watched_log("feedback", 3, 500, stream="feedback", spacing_ms=600),
    ]


def by_model(ran: Ran) -> list[ControlEvent]:
    """Return what was said, model by model: models of different shards are judged one after the other in any order."""
    return sorted(ran.control, key=lambda event: (event.model, event.revision))


def run(logs: list[Log], size: int) -> Ran:
    return run_flow(policy(), logs, STARTED_MS, sizes=lambda: size)


@pytest.fixture(scope="module")
def wanted(logs: list[Log]) -> Ran:
    return run(logs, 100)


@pytest.fixture(scope="module")
def wanted_rows(wanted: Ran) -> list[str]:
    return exact(wanted.tables)


def test_every_kind_of_monitor_writes_rows(wanted: Ran) -> None:
    drift, windows = wanted.tables["drift"], wanted.tables["feature_window"]
    assert {row["monitor"] for row in drift} == MONITORED
    assert {row["verdict"] for row in drift} == {"OK", "BAD", "INSUFFICIENT"}
    assert any(json.loads(row["requests"]) for row in drift)
    assert "drifted" in {row["rule"] for row in wanted.tables["verdict"]}
    bins = {row["bin"] for row in wanted.tables["profile"] if row["field"] == "features.card"}
    assert {len(row["counts"]) for row in windows if row["field"] == "features.card"} == {max(bins)}
    assert distinct(windows, SERIES)
    assert distinct(drift, (*SERIES, "monitor", "method"))


def distinct(rows: list[dict[str, Any]], key: tuple[str, ...]) -> bool:
    return len({tuple(row[name] for name in key) for row in rows}) == len(rows)


@pytest.mark.parametrize("size", [1 if PROVE else 17, 1_000_000])
def test_batch_sizes_do_not_show_in_the_rows(logs: list[Log], wanted: Ran, wanted_rows: list[str], size: int) -> None:
    ran = run(logs, size)
    assert exact(ran.tables) == wanted_rows
    assert by_model(ran) == by_model(wanted)


@pytest.mark.parametrize("size_max", [2, 8] if PROVE else [17, 50])
def test_any_interleaving_gives_the_same_rows(logs: list[Log], wanted_rows: list[str], size_max: int) -> None:
    tables = run_pure(policy(), logs, STARTED_MS, Random(size_max), size_max)
    assert exact(tables) == wanted_rows


def test_crashes_do_not_show_in_the_rows(logs: list[Log], wanted_rows: list[str], tmp_path: Path) -> None:
    random = Random(5)
    runs = run_through_crashes(policy(), logs, tmp_path, lambda: (random.randint(2, 8), random.randint(15, 40)))
    assert len(runs) > 3
    written = [rows for run in runs for rows in run.rows]
    assert sorted(set(exact(tables_of(written)))) == sorted(set(wanted_rows))
