"""`rollguard status` in a terminal: what the first page shows, in lines that a narrow one does not cut."""

import io
from typing import Any

import pytest
from rich.console import Console

from flows import status
from flows.page.asked import Asked
from flows.page.store import Store
from flows.page.views.overview import overview
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Rows
from tests.conftest import Embedded

MINUTE = 60_000
START = 1_760_000_040_000
HELD = {"canary": "hold"}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def _rows(table: str, rows: list[dict[str, Any]]) -> Rows:
    return Rows(table=table, columns={name: [row[name] for row in rows] for name in rows[0]})


def _story(end: int) -> list[Rows]:
    """Twenty minutes of a model whose candidate is held, and fails half of the time."""
    series = {"model": "m", "slice": "*", "dims": {}}
    at = range(START + MINUTE, end + 1, MINUTE)
    window = {"kind": "tumbling", "size_ms": MINUTE}
    outcomes = [
        {**series, "version": version, **window, "window_start": time - MINUTE, "window_end": time, "requests": n,
         "error_types": ["timeout"] if version == "v2" else [], "errors": [n // 2] if version == "v2" else [], "ver": n}
        for time in at for version, n in (("v1", 90), ("v2", 30))
    ]  # fmt: skip
    ratios = [
        {**series, "version": version, "kind": "sliding", "size_ms": 300_000, "window_start": time - 300_000,
         "window_end": time, "sli": "ok", "good": good, "bad": bad, "ratio": good / (good + bad), "lower": 0.1,
         "upper": 0.9, "coverage": 1.0, "ver": good + bad}
        for time in at for version, good, bad in (("v1", 89, 1), ("v2", 15, 15))
    ]  # fmt: skip
    progress = [{"shard": "s01", "at": time, "requests": 120, "late": 0, "ver": 1} for time in at]
    release = {
        "model": "m", "version": "v2", "baseline": "v1", "at": START + MINUTE, "phase": "rolling_out", "began": START,
        "declared": None, "by": "", "traffic_share": None, "metadata": "", "holds": {}, "throttled": 0, "policy": "p",
        "ver": 1,
    }  # fmt: skip
    held = release | {"at": START + 10 * MINUTE, "holds": HELD}
    verdicts = [
        {**series, "version": "v2", "slice": text, "rule": "canary", "sli": "ok", "at": held["at"], "verdict": verdict,
         "good": 1, "bad": 1, "value": None, "lower": None, "upper": None, "since": None, "evidence": "", "policy": "p",
         "ver": 1}
        for text, verdict in (("*", "BAD"), ("a=1", "OK"), ("a=2", "OK"), ("a=3", "INSUFFICIENT"), ("a=4", "STALE"))
    ]  # fmt: skip
    return [
        _rows("verdict", verdicts),
        _rows("outcome_window", outcomes),
        _rows("sli_window", ratios),
        _rows("progress", progress),
        _rows("release", [release, held]),
    ]


@pytest.fixture
def store(embedded_clickhouse: Embedded) -> Any:
    inserter = Inserter(embedded_clickhouse.client, _fail)
    for rows in _story(START + 20 * MINUTE):
        inserter.add(rows)
    inserter.flush()
    embedded_clickhouse.client.command(
        "INSERT INTO control (model, version, id, revision, type, state, at, rule, slices, evidence, runbook, ver)"
        " VALUES ('m', 'v2', 'e', 1, 'hold', 'firing', fromUnixTimestamp64Milli({at:Int64}, 'UTC'), 'canary',"
        " {slices:String}, {evidence:String}, 'infra/runbooks/canary.md', 1)",
        parameters={
            "at": START + 10 * MINUTE,
            "slices": '[{"slice": "a=1"}]',
            "evidence": '{"sli": "ok", "good": 15, "bad": 15}',
        },
    )
    store = Store(embedded_clickhouse.url)
    yield store
    store.close()


def _printed(store: Store, asked: Asked) -> str:
    text = io.StringIO()
    status.print_status(store, asked, Console(file=text, width=40, highlight=False))
    return text.getvalue()


def test_a_held_release_is_said_in_words_with_traffic_and_ratios(store: Store) -> None:
    text = _printed(store, Asked())
    assert text.startswith("1 release held, nothing is being rolled back\n")
    assert "m  v2 held for 10:00 by canary  2.0 requests/s  v1 75.0 %, v2 25.0 %" in text
    assert "  ok             v2             50.0 %  " in text
    assert "\n  v2: 1 surely bad, 2 surely good, 1 not decided\n" in text
    assert "▁▁▁" in text
    assert (
        "\nm: v2 is held beside v1\n  Why: ok: 15 of 30 bad, 50 %; by rule canary\n  Where: a=1\n  Since: decided "
        in text
    )
    assert "  What to do: Look for the cause. " in text


def test_an_earlier_moment_is_said_as_it_was(store: Store) -> None:
    text = _printed(store, Asked(at=START + 5 * MINUTE))
    assert text.startswith("1 release under way, nothing is held\n")
    (model,) = overview(store, Asked(at=START + 5 * MINUTE))["models"]
    assert (model["state"].word, model["entered"]) == ("rolling out", START + MINUTE)
    assert _printed(store, Asked(at=START)) == "nothing is counted yet\n"


@pytest.mark.parametrize("silenced", [0, 1])
def test_an_open_alert_says_its_event_and_whether_it_is_silenced(
    store: Store, embedded_clickhouse: Embedded, silenced: int
) -> None:
    """What was silenced stood there as if somebody were needed, and `control ack` wants an id that was nowhere."""
    embedded_clickhouse.client.command(
        "INSERT INTO control (model, version, id, revision, type, state, at, rule, severity, silenced, ver)"
        " VALUES ('m', 'v2', 'e-7', 2, 'alert', 'firing', fromUnixTimestamp64Milli({at:Int64}, 'UTC'), 'slo', 'page',"
        " {silenced:UInt8}, 1)",
        parameters={"at": START + 15 * MINUTE, "silenced": silenced},
    )
    muted = "silenced, " if silenced else ""
    assert f"\npage: m v2 slo, for 5:00, {muted}nobody looks after it yet (event e-7)\n" in _printed(store, Asked())
