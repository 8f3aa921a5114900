"""Cohorts of requests, asked for by SQL: as counted by hand, and revised until they are mature."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from prometheus_client import CollectorRegistry

from flows import replay
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy_file.toml import parse
from tests.conftest import MIGRATIONS
from tests.dataflows.making import POLICY
from tests.unit.test_cohort_rows import KEPT, PANE_MS, Items, made, wanted

FILES = ("cohorts",)
QUERY = (MIGRATIONS / "queries" / "cohorts.sql").read_text()
STEP_S = 60


def replayed(folder: Path, events: Items, feedback: Items) -> str:
    """Run the monitor over files; return the address of what it wrote."""
    folder.mkdir()
    paths = {name: folder / f"{name}.ndjson" for name in ("events", "feedback")}
    for path, items in zip(paths.values(), (events, feedback), strict=True):
        path.write_bytes(b"".join(json.dumps(item).encode() + b"\n" for item in items))
    policy = parse(POLICY + KEPT)
    inputs = replay.inputs_of({"events": [paths["events"]], "feedback": [paths["feedback"]]}, policy, lambda *_: None)
    replay.run(inputs, policy, folder / "out", Stop(), Metrics(CollectorRegistry()))
    return f"chdb://{folder}/out/clickhouse"


def asked(client: Client, by: Sequence[str]) -> list[dict[str, Any]]:
    params = {"model": "m", "sli": "kept", "from": "2025-01-01", "to": "2026-01-01", "step_s": STEP_S, "by": list(by)}
    result = client.query(QUERY, params)
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


@pytest.fixture(scope="module")
def known() -> tuple[Items, Items]:
    return made(Random(5), 600, 1_000)


@pytest.fixture
def client(known: tuple[Items, Items], tmp_path: Path) -> Iterator[Client]:
    opened = open_clickhouse(replayed(tmp_path / "all", *known))
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("by", [[], ["region"]])
def test_reports_per_thousand_by_when_requests_were_made(
    client: Client, known: tuple[Items, Items], by: list[str]
) -> None:
    expected: dict[tuple[Any, ...], list[int]] = {}
    for (model, version, region, sli, at), (requests, bad) in wanted(*known).items():
        if (model, sli) == ("m", "kept"):
            key = int(at) // (STEP_S * 1_000) * STEP_S, version, *([region] if by else [])
            counts = expected.setdefault(key, [0, 0])
            counts[0], counts[1] = counts[0] + requests, counts[1] + bad
    rows = asked(client, by)
    assert len(rows) > 10
    found = {
        (int(row["time"].timestamp()), row["version"], *row["slice"]): [row["asked"], row["heard"]] for row in rows
    }
    assert found == expected
    for row in rows:
        if row["asked"]:
            assert row["per_thousand"] == pytest.approx(1_000 * row["heard"] / row["asked"])
            assert row["ratio"] == pytest.approx(max(0, 1 - row["heard"] / row["asked"]))
        else:
            assert row["per_thousand"] is row["ratio"] is None


def test_it_is_revised_until_then_and_no_more(known: tuple[Items, Items], tmp_path: Path) -> None:
    """Of a log that is cut off, the cohorts that are mature are those of the whole log."""
    highest, events = 0, []
    for item in known[0]:  # In order: what comes late changes a cohort after all, and says so by `late`.
        highest = max(highest, item["ts"])
        events += [item] if item["ts"] == highest else []
    cut = events[len(events) // 2]["ts"]
    whole, part = (
        _cohorts(replayed(tmp_path / name, _until(events, until), _until(known[1], until)))
        for name, until in (("whole", 1 << 60), ("part", cut))
    )
    come = _until([*events, *known[1]], cut)
    reached = {model: max(_pane(item["ts"]) for item in come if item["model"] == model) + PANE_MS for model in "mn"}
    mature = {key: counts for key, (*counts, is_mature) in part.items() if is_mature}
    assert mature.keys() == {key for key in part if key[3] + PANE_MS + 90_000 <= reached[key[0]]}
    assert len(mature) > 20
    assert all(whole[key][:2] == (*counts,) for key, counts in mature.items())
    assert any(whole[key][:2] != (*counts,) for key, (*counts, is_mature) in part.items() if not is_mature)


def _pane(ts: int) -> int:
    return ts // PANE_MS * PANE_MS


def _until(items: Items, end: int) -> Items:
    return [item for item in items if item["ts"] <= end]


def _cohorts(url: str) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    opened = open_clickhouse(url)
    try:
        rows = opened.query(
            "SELECT model, version, slice, toUnixTimestamp64Milli(pane_start), requests, bad, mature FROM sli_by_cohort"
            " WHERE sli = 'kept'"
        ).result_rows
    finally:
        opened.close()
    return {tuple(row[:4]): (row[4], row[5], row[6]) for row in rows}
