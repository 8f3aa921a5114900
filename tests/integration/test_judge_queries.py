"""Questions about judges and uptime, asked by SQL, answered as plain Python answers them."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import sqrt
from random import Random
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.store.columns import TABLES
from operators.store.rows import Rows
from tests.conftest import MIGRATIONS, migrated

FILES = ("quality_corrected", "uptime")
DAY = datetime(2025, 11, 3, tzinfo=UTC)
START_MS = int(DAY.timestamp() * 1000)
Z = 1.959963984540054
RANGE = {"model": "m", "from": DAY, "to": DAY + timedelta(hours=1)}
CORRECTED = {**RANGE, "evaluator": "help", "criterion": "useful", "limit": 4}

# Of each version of the judge: golden cases that people let pass, and did not, and how many of each the judge did so.
GOLDEN = {"help@a": ((40, 36), (30, 24)), "help@b": ((30, 15), (30, 12))}
# Judged and passed, by version, region and source.
JUDGED = {
    ("v1", "eu", "help@a"): (200, 150),
    ("v1", "us", "help@a"): (100, 80),
    ("v2", "eu", "help@a"): (50, 10),
    ("v2", "eu", "help@b"): (20, 10),
    ("v2", "eu", "help@c"): (20, 20),  # It has no golden cases.
    ("v2", "us", "other@a"): (20, 20),
}


def fail(poison: Poison) -> None:
    raise AssertionError(poison)


def feedback() -> Rows:
    columns: dict[str, list[Any]] = defaultdict(list)

    def add(model: str, version: str, region: str, **row: Any) -> None:
        number = len(columns["model"])
        base: dict[str, Any] = {
            "model": model,
            "version": version,
            "slice": f"region={region}",
            "dims": {"region": region},
        }
        base |= {"request_id": f"r{number}", "ts": START_MS + number, "name": "useful", "request_ts": None}
        base |= {"prediction": "", "score": None, "unit": "", "sample": "share", "standing": "", "reason": "", "ver": 1}
        for name, value in (base | row).items():
            columns[name].append(value)

    for (version, region, source), (judged, passed) in JUDGED.items():
        for number in range(judged):
            value = 5.0 if number < passed else 2.0
            add("m", version, region, kind="judge", source=source, value=str(value), value_number=value)
        # Of what users complain of all is bad, and says nothing of the rest.
        for _ in range(7):
            add("m", version, region, kind="judge", source=source, value="1", value_number=1.0, sample="report")
    for source, both in GOLDEN.items():
        for label, (labelled, agreed) in zip(("pass", "fail"), both, strict=True):
            other = "fail" if label == "pass" else "pass"
            for number in range(labelled):
                said = label if number < agreed else other
                row = {"kind": "label", "source": "golden", "value": label, "value_number": None, "prediction": said}
                add("judge:help", source, "", **row)
    return Rows(table="feedback", columns=columns)


def windows() -> Rows:
    """Minutes of v1: 50 up, 5 down, and one of which nothing is known; a window of five minutes counts for nothing."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for minute in range(57):
        good, bad = (0, 0) if minute == 55 else (90, 10) if minute < 5 else (100, 0)
        size = 300_000 if minute == 56 else 60_000
        start = START_MS + minute * 60_000
        row = {"model": "m", "version": "v1", "slice": "*", "dims": {}, "kind": "tumbling", "size_ms": size}
        row |= {"window_start": start, "window_end": start + size, "sli": "availability", "good": good, "bad": bad}
        row |= {"ratio": good / (good + bad) if good + bad else float("nan"), "lower": 0.0, "upper": 1.0}
        row |= {"coverage": 1.0, "ver": 1}
        for name, value in row.items():
            columns[name].append(value)
    return Rows(table="sli_window", columns=columns)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    assert {"feedback", "sli_window"} <= set(TABLES)
    with migrated(tmp_path_factory.mktemp("judges")) as embedded:
        inserter = Inserter(embedded.client, fail)
        for rows in (feedback(), windows()):
            inserter.add(rows)
        inserter.flush()
        yield embedded.client


def asked(client: Client, name: str, **params: Any) -> list[dict[str, Any]]:
    result = client.query((MIGRATIONS / "queries" / f"{name}.sql").read_text(), params)
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def corrected(judged: int, passed: int, source: str) -> tuple[float, float, float] | None:
    """The ratio by Rogan and Gladen, and the interval of Lang and Reiczigel."""
    if source not in GOLDEN:
        return None
    (n1, tp), (n0, tn) = GOLDEN[source]
    if tp / n1 + tn / n0 <= 1:
        return None
    ratio = (passed / judged + tn / n0 - 1) / (tp / n1 + tn / n0 - 1)
    return min(max(ratio, 0.0), 1.0), *interval(judged, passed, (n1, tp), (n0, tn))


def interval(judged: int, passed: int, good: tuple[int, int], bad: tuple[int, int]) -> tuple[float, float]:
    (n1, tp), (n0, tn) = good, bad
    p, se, sp = (passed + Z * Z / 2) / (judged + Z * Z), (tp + 1) / (n1 + 2), (tn + 1) / (n0 + 2)
    of_se, of_sp = se * (1 - se) / (n1 + 2), sp * (1 - sp) / (n0 + 2)
    theta = (p + sp - 1) / (se + sp - 1)
    shift = 2 * Z * Z * (theta * of_se - (1 - theta) * of_sp)
    half = Z * sqrt(p * (1 - p) / (judged + Z * Z) + theta**2 * of_se + (1 - theta) ** 2 * of_sp) / (se + sp - 1)
    return min(max(theta + shift - half, 0.0), 1.0), min(max(theta + shift + half, 0.0), 1.0)


@pytest.mark.parametrize("by", [[], ["region"]])
def test_a_pass_rate_is_corrected_by_what_the_judge_gets_wrong(client: Client, by: list[str]) -> None:
    groups: dict[tuple[str, tuple[str, ...], str], list[int]] = {}
    for (version, region, source), counts in JUDGED.items():
        if source.startswith("help@"):
            key = (version, tuple([region] if by else []), source)
            groups[key] = [a + b for a, b in zip(groups.get(key, [0, 0]), counts, strict=True)]
    rows = asked(client, "quality_corrected", **CORRECTED, by=by)
    assert [(row["version"], tuple(row["slice"]), row["source"]) for row in rows] == sorted(groups)
    for row, (key, (judged, passed)) in zip(rows, sorted(groups.items()), strict=True):
        assert (row["judged"], row["passed"], row["raw"]) == (judged, passed, pytest.approx(passed / judged))
        found = (row["ratio"], row["lower"], row["upper"])
        wanted = corrected(judged, passed, key[2])
        assert found == ((None, None, None) if wanted is None else pytest.approx(wanted))


def test_nothing_is_no_answer(client: Client) -> None:
    assert asked(client, "quality_corrected", **CORRECTED | {"model": "n"}, by=[]) == []
    assert asked(client, "uptime", **RANGE | {"model": "n"}, sli="availability", bound=0.95, slice="*") == []


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 2,000 judges and samples: sensitivity 0.9, specificity 0.75, a true share of 0.7; at 95 %."""
    random = np.random.default_rng(Random(7).randrange(1 << 30))
    held = 0
    for _ in range(2_000):
        tp, tn, judged = int(random.binomial(40, 0.9)), int(random.binomial(30, 0.75)), 300
        passed = int(random.binomial(judged, 0.7 * 0.9 + 0.3 * 0.25))
        low, high = interval(judged, passed, (40, tp), (30, tn))
        held += low <= 0.7 <= high
    assert 0.935 <= held / 2_000 <= 0.985


def test_uptime_is_the_share_of_minutes_above_a_bound(client: Client) -> None:
    (row,) = asked(client, "uptime", **RANGE, sli="availability", bound=0.95, slice="*")
    assert row == {"version": "v1", "up": 50, "down": 5, "unknown": 5, "uptime": pytest.approx(50 / 55)}
