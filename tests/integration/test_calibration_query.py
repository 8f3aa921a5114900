"""Reliability bins of each version, and quality before labels, asked of labels and counted from them."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.policy_file.toml import parse
from tests.conftest import MIGRATIONS, migrated
from tests.dataflows.making import POLICY
from tests.dataflows.running import run_flow
from tests.oracle import Log

FILES = ("calibration", "estimated_quality")
MONITOR = '\n[[monitor]]\nname = "guess"\nkind = "estimated"\nwindow = "1m"\nlabels_min = 100\n'
START_MS = 1_760_000_000_000
Item = dict[str, Any]


def _items() -> tuple[list[Item], list[Item]]:
    """Requests of two versions, half of them labelled, some of those twice; v2 is wrong where it is surest."""
    random = Random(6)
    events: list[Item] = []
    labels: list[Item] = []
    for number in range(2_000):
        version = f"v{number % 2 + 1}"
        score = random.choice([0.0, 1.0, random.random()])
        event: Item = {"request_id": f"r{number}", "ts": START_MS + number * 100, "model": "m", "version": version}
        event |= {"slices": {"region": "eu", "segment": "pro"}, "prediction": "yes", "score": score}
        events.append(event)
        for again in range(random.choice([0, 0, 1, 2])):
            right = random.random() < (score if version == "v1" else 1 - score)
            told = {"kind": "label", "value": "yes" if right else "no"}
            labels.append(event | told | {"ts": event["ts"] + 1_000 + again, "request_ts": event["ts"]})
    return events, labels


def _log(name: Any, items: list[Item]) -> Log:
    return Log(name=name, stream=name, first=1, messages=[json.dumps(each).encode() for each in items])


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    events, labels = _items()
    policy = parse(POLICY.replace("[time]", "[time]\noutliers = 0") + MONITOR)
    ran = run_flow(policy, [_log("events", events), _log("feedback", labels)], START_MS + 300_000)
    with migrated(tmp_path_factory.mktemp("calibration")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in ran.rows:
            inserter.add(rows)
        inserter.flush()
        yield embedded.client


def test_bins_error_and_maturity_are_those_of_the_labels(client: Client) -> None:
    text = (MIGRATIONS / "queries" / "calibration.sql").read_text()
    params: dict[str, Any] = {
        "model": "m", "panes": "outcome_pane_latest",
        "from": datetime.fromtimestamp(START_MS / 1000 - 60, UTC),
        "to": datetime.fromtimestamp(START_MS / 1000 + 600, UTC),
    }  # fmt: skip
    _, labels = _items()
    last = {label["request_id"]: label for label in labels}
    bins: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for label in last.values():
        bins[label["version"], min(int(label["score"] * 10), 9)].append(label)
    rows = list(client.query(text, params).named_results())
    assert [(row["version"], round(row["low"] * 10)) for row in rows] == sorted(bins)
    for row in rows:
        mine = bins[row["version"], round(row["low"] * 10)]
        right = sum(each["value"] == "yes" for each in mine)
        assert (row["labels"], row["accuracy"]) == (len(mine), pytest.approx(right / len(mine)))
        assert row["confidence"] == pytest.approx(sum(each["score"] for each in mine) / len(mine))
        whole = [some for (version, _), some in bins.items() if version == row["version"]]
        gaps = sum(abs(sum((each["value"] == "yes") - each["score"] for each in some)) for some in whole)
        labelled = sum(map(len, whole))
        assert row["calibration_error"] == pytest.approx(gaps / labelled)
        assert row["maturity"] == pytest.approx(labelled / 1_000)
    assert client.query(text, params | {"model": "none"}).result_rows == []


def test_estimates_stand_beside_what_labels_say_later(client: Client) -> None:
    text = (MIGRATIONS / "queries" / "estimated_quality.sql").read_text()
    start, end = (datetime.fromtimestamp(START_MS / 1000 + off, UTC) for off in (-60, 600))
    asked: dict[str, Any] = {"model": "m", "window_s": 60, "from": start, "to": end}
    events, labels = _items()
    last = {label["request_id"]: label for label in labels}
    windows: dict[tuple[int, str], list[Item]] = defaultdict(list)
    for event in events:
        windows[event["ts"] // 60_000, event["version"]].append(event)
    rows = list(client.query(text, asked).named_results())
    assert [(int(row["window_start"].timestamp()) // 60, row["version"]) for row in rows] == sorted(windows)
    for row, (_, mine) in zip(rows, sorted(windows.items()), strict=True):
        told = [last[event["request_id"]] for event in mine if event["request_id"] in last]
        right = sum(label["value"] == "yes" for label in told)
        assert (row["answers"], row["labels"], row["accuracy"]) == (
            len(mine),
            len(told),
            pytest.approx(right / len(told)),
        )
        if row["labels_so_far"] < 100:
            assert (row["estimated"], row["verdict"]) == (None, "INSUFFICIENT")
        else:
            assert row["estimated"] == pytest.approx(row["accuracy"], abs=0.12)
    assert sum(row["estimated"] is not None for row in rows) >= 4
