"""The demo end to end: what the README shows and SQL says, what it leaves and replaces, and that it can be replayed."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console
from typer.testing import CliRunner

from flows import cli, policy_files, replay, settings, sql
from flows.demo import folder, questions
from flows.demo import report as demo_report
from flows.demo import run as demo
from flows.demo.decided import control_events
from flows.demo.world import World
from flows.summary import Summary
from operators.connectors.clickhouse.client import held
from operators.connectors.clickhouse.query import ask
from operators.connectors.stop import Stop
from operators.ingest.formats.format import Stream
from operators.metrics import Metrics
from operators.spans import MINUTE_MS

README = (Path(__file__).parents[2] / "README.md").read_text()
WORLD = World(start_ms=1_772_438_400_000)  # 2026-03-02 08:00 UTC: what the README shows.
# Too few requests, and over too soon, for anything to be proved.
SMALL = World(
    start_ms=WORLD.start_ms,
    length_ms=6 * MINUTE_MS,
    requests=1_000,
    release_ms=MINUTE_MS,
    defect_ms=MINUTE_MS,
    candidate_share=0.5,
    delay_ms_min=5_000,
    delay_ms_max=40_000,
)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A finished demo: its folder, what it came to, and what was printed."""

    data: Path
    summary: Summary
    text: str


def _run(data: Path, world: World = WORLD, stop: Stop | None = None, *, terminal: bool = False) -> Shown:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=terminal, highlight=False)
    summary = demo.run(world, 0, data, stop or Stop(), console)
    return Shown(data=data, summary=summary, text=text.getvalue())


@pytest.fixture
def answering(shown: Shown) -> Iterator[None]:
    """Questions to the store of the finished demo are answered by an engine that is started once."""
    with held(settings.embedded(shown.data)):
        yield


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return _run(tmp_path_factory.mktemp("demo") / "data")


def _query(data: Path, query: str) -> Sequence[Sequence[Any]]:
    return ask(settings.embedded(data), query, {})[1]


def test_every_message_is_accounted_for(shown: Shown) -> None:
    assert shown.summary.complete
    assert shown.summary.events == WORLD.requests - 6
    assert shown.summary.rejects == {"bad_json": 6}
    lines = (shown.data / "events.ndjson").read_bytes().splitlines()
    labels = (shown.data / "feedback.ndjson").read_bytes().splitlines()
    assert (len(lines), len(labels)) == (WORLD.requests, shown.summary.feedback)
    refused = _query(shown.data, "SELECT source, position FROM dead_letter_latest ORDER BY position")
    assert refused == [(str(shown.data / "events.ndjson"), number) for number in range(10_000, 60_001, 10_000)]


def test_the_harmful_version_is_rolled_back_and_its_worst_slice_named(shown: Shown) -> None:
    events = control_events(shown.data / replay.CONTROL)
    revisions = [event.revision for event in events]
    assert revisions == sorted(set(revisions))
    assert all(event.revision >= event.ts for event in events)
    order = [(event.type, event.rule) for event in events if event.type != "alert"]
    after = ("hold", "rollback", "rollback_applied", "recovered")
    assert order == [("hold", "drift"), *((kind, "canary") for kind in after)]
    rollback = next(event for event in events if event.type == "rollback")
    assert (rollback.version, rollback.pin, rollback.rule, rollback.severity) == ("v2", "v1", "canary", "page")
    assert rollback.slices[0].slice.startswith("region=eu")
    assert "*" in {each.slice for each in rollback.slices}
    assert {each.evidence.sli for each in rollback.slices} == {"correct"}
    last = next(event for event in events if event.type == "recovered")  # Alerts may be resolved in the same pane.
    began = WORLD.start_ms + WORLD.defect_ms
    times = (last.detected, last.applied, last.recovered)
    assert all(time is not None for time in times)
    assert [began, *times] == sorted([began, *times])  # type: ignore[type-var]
    # The onset is an estimate, to a minute or so.
    assert last.onset == pytest.approx(began, abs=90_000)


def test_the_broken_feature_is_named_a_minute_after_the_defect_and_with_the_rollback(shown: Shown) -> None:
    events = control_events(shown.data / replay.CONTROL)
    told = next(event for event in events if event.rule == "drift" and event.type == "alert")
    began = WORLD.start_ms + WORLD.defect_ms
    assert (told.version, told.ts) == ("v2", began + MINUTE_MS)
    rollback = next(event for event in events if event.type == "rollback")
    for event in (told, rollback):
        first = event.findings[0]
        assert (first.field, first.slice, first.since) == ("features.https", "region=eu", began)
        assert "features.https " in event.sentence
        assert "100 times" in event.sentence
        assert "region=eu" in event.sentence
    assert {event.incident for event in events} == {told.incident}
    assert len([event for event in events if event.severity == "page" and not event.update]) == 1
    assert any(event.closes for event in events[-3:])


def test_the_gateway_moves_the_traffic(shown: Shown) -> None:
    served = [line for line in (shown.data / "events.ndjson").read_bytes().splitlines() if line.endswith(b"}}")]
    times = [event["ts"] for event in map(msgspec.json.decode, served) if event["version"] == "v2"]
    events = control_events(shown.data / replay.CONTROL)
    last = next(event for event in events if event.type == "recovered")
    assert last.detected is not None
    assert last.applied is not None
    # What was decided at the end of a pane is known when the pane is closed, one or two ticks of the gateway later.
    assert last.detected - 1_000 < max(times) < last.applied <= last.detected + 60_000


def test_the_end_tells_the_story_of_the_rollback(shown: Shown) -> None:
    lines = shown.text.splitlines()
    told = [line.split() for line in lines if re.match(r"08:\d\d:\d\d  ", line)]
    words = [line[1] for line in told]
    assert sorted(words) == sorted(["release", "defect", "onset", "found", "hold", "rollback", "applied", "recovered"])
    assert [line[0] for line in told] == sorted(line[0] for line in told)
    assert any(line.startswith("From onset to recovered (MTTR) ") for line in lines)
    heading = next(index for index, line in enumerate(lines) if line.startswith("Why: "))
    worst, *_ = (line for line in lines[heading + 4 :] if line)
    assert worst.startswith("region=eu")
    assert shown.summary.control.total() == len(control_events(shown.data / replay.CONTROL))
    first, after = (
        next(i for i, line in enumerate(lines) if line.startswith(text)) for text in ("What roll", "The hour")
    )
    assert max(map(len, lines[first:after])) <= 80, lines[first:after]


def test_the_block_of_the_readme_is_printed_by_the_demo(shown: Shown) -> None:
    """Every line of it, in its order; what is not in it depends on the run, or is said elsewhere."""
    (block,) = re.findall(r"```\n(08:.*?)```", README.partition("## What the demo shows")[2], flags=re.DOTALL)
    printed = [line.rstrip() for line in shown.text.splitlines()]
    wanted = [line.rstrip() for line in block.splitlines() if line.strip()]
    assert [line for line in printed if line in wanted] == wanted


def test_the_intervals_are_apart_in_the_spoiled_slice_and_not_in_the_others(shown: Shown) -> None:
    hour = {"end_ms": str(WORLD.end_ms)}
    _, rows = ask(settings.embedded(shown.data), demo_report.HOUR, hour)
    slices = ["*", "region=ap", "region=eu", "region=us", "segment=free", "segment=pro"]
    assert [row[:2] for row in rows] == [(name, version) for name in slices for version in ("v1", "v2")]
    apart = {v1[0]: v2[9] < v1[8] for v1, v2 in zip(rows[::2], rows[1::2], strict=True)}  # upper of v2, lower of v1
    assert (apart["region=eu"], apart["region=ap"], apart["region=us"]) == (True, False, False)
    ratios = {row[:2]: row[7] for row in rows}
    assert ratios["region=eu", "v1"] > 0.86
    assert ratios["region=eu", "v2"] < 0.80
    assert {row[3] for row in rows} == {1.0}
    assert sum(row[2] for row in rows if row[0] == "*") == shown.summary.events


def test_plain_output_has_no_control_characters(shown: Shown) -> None:
    assert not {character for character in shown.text if ord(character) < 32} - {"\n"}
    line = next(line for line in shown.text.splitlines() if line.startswith("09:00 UTC"))
    assert "59,994 requests" in line
    assert any(line.startswith("region=eu") for line in shown.text.splitlines())
    assert "…" not in shown.text


@pytest.mark.usefixtures("answering")
def test_every_printed_question_has_an_answer(shown: Shown) -> None:
    for title, query in questions.QUESTIONS:
        assert f'sql --data {shown.data} "{query}"' in shown.text
        answer = sql.answer(settings.embedded(shown.data), query, "csv", [])
        assert len(answer.splitlines()) > 1, title
    for name in questions.FILES:
        file = f"@{questions.query_file(name)}"
        assert len(sql.answer(settings.embedded(shown.data), file, "csv", ["model=phishing"]).splitlines()) == 2, name
    given = [f"{name}={value}" for name, value in questions.CALIBRATION.items()]
    bins = sql.answer(settings.embedded(shown.data), f"@{questions.query_file('calibration')}", "csv", given)
    rows = list(csv.DictReader(bins.splitlines()))
    errors = {row["version"]: float(row["calibration_error"]) for row in rows}
    assert errors["v2"] > errors["v1"] > 0.05
    surest = {row["version"]: float(row["accuracy"]) for row in rows if row["low"] == "0.9"}
    assert surest["v2"] < 0.9 < surest["v1"]  # Of what each is nearly certain of.
    pins = CliRunner().invoke(cli.app, ["control", "pins", "--file", str(shown.data / "control.ndjson")])
    assert re.search(r"phishing .* v1 .* (recovered|alert)", pins.output), pins.output


def test_the_served_files_replay_to_the_same_tables(shown: Shown, tmp_path: Path) -> None:
    policy = policy_files.load_policy(shown.data / "policy.toml")
    files: dict[Stream, list[Path]] = {
        "events": [shown.data / "events.ndjson"],
        "feedback": [shown.data / "feedback.ndjson"],
    }
    inputs = replay.inputs_of(files, policy, lambda name, count: None)
    replay.run(inputs, policy, tmp_path, Stop(), Metrics(CollectorRegistry()))
    assert (tmp_path / "control.ndjson").read_bytes() == (shown.data / "control.ndjson").read_bytes()
    wanted, found = _tables(shown.data), _tables(tmp_path)
    assert all(wanted.values())
    for table, rows in wanted.items():
        assert found[table] == rows, table


TABLES = (
    *("sli_pane", "measure_pane", "outcome_pane", "sli_window", "measure_window", "dead_letter"),
    *("verdict", "control", "drift"),
)


def _tables(data: Path) -> dict[str, Sequence[Sequence[Any]]]:
    """All rows of the tables, by an engine that is started once."""
    query = "SELECT * EXCEPT (inserted_at) FROM {}_latest ORDER BY ALL"
    with held(settings.embedded(data)):
        return {table: _query(data, query.format(table)) for table in TABLES}


def test_an_interrupted_demo_says_no_results_and_one_demo_replaces_another_and_nothing_else(tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    interrupted = _run(tmp_path, SMALL, stop)
    assert not interrupted.summary.complete
    assert "UTC  " not in interrupted.text
    assert "Look further" not in interrupted.text
    first = _run(tmp_path, SMALL)
    assert first.summary.complete
    (tmp_path / "notes.txt").write_text("mine")
    second = _run(tmp_path, msgspec.structs.replace(SMALL, requests=1_500), terminal=True)
    assert (first.summary.events, second.summary.events) == (1_000, 1_500)
    counted = _query(tmp_path, "SELECT sum(n) FROM outcome_pane_latest")
    assert counted == [(1_500,)]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "█" in second.text
    assert "did not roll v2 back" in second.text


def test_a_pin_of_an_earlier_demo_does_not_hold(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / folder.MARKER).touch()
    (tmp_path / replay.CONTROL).write_bytes((shown.data / replay.CONTROL).read_bytes())
    _run(tmp_path, SMALL)
    # Of the few requests of this world only the broken feature is told of, which moves nothing.
    assert {event.rule for event in control_events(tmp_path / replay.CONTROL)} <= {"drift"}
    assert b'"version":"v2"' in (tmp_path / "events.ndjson").read_bytes()


def test_another_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    result = CliRunner().invoke(cli.app, ["demo", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"rollguard: {tmp_path}: the folder holds something other than an earlier demo; "
        "name another with --data, or empty it"
    ]
    assert (tmp_path / "summary.json").read_text() == "{}"


def test_the_hour_lies_in_the_past() -> None:
    world = demo.last_hour()
    assert world.length_ms == 60 * MINUTE_MS
    assert world.start_ms % world.length_ms == 0
