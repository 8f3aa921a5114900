"""The second half of the demo: the story comes out, by the commands' own work; where it does not, that is said."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows import cli, replay, settings
from flows.demo.llm import judge
from flows.demo.llm import run as story
from flows.demo.llm.assistant import PROMPTS, answer
from flows.demo.llm.handbook import PAGES, found
from flows.demo.llm.world import World, truth
from operators.connectors.clickhouse.client import held
from operators.connectors.clickhouse.query import ask
from operators.connectors.stop import Stop

START_MS = 1_772_452_800_000  # 2026-03-02 12:00 UTC


def _rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in ask(settings.embedded(data), query, {})[1]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished demo: its folder, and what it printed."""
    data, text = tmp_path_factory.mktemp("demo") / "data", io.StringIO()
    story.run(World(start_ms=START_MS), data, Stop(), Console(file=text, width=80, highlight=False))
    return data, text.getvalue()


def test_the_story_is_told_from_the_first_answer_to_the_gate(told: tuple[Path, str]) -> None:
    _, text = told
    heads = re.findall(r"^(\d)  ", text, flags=re.MULTILINE)
    assert heads == ["1", "2", "3", "4", "5", "6"]
    verdicts = re.findall(
        r"^   (v\d)  (held|FAILED) +(\d+) of (\d+) tests passed, exit code ([01])$", text, re.MULTILINE
    )
    assert [(version, word, code) for version, word, _, _, code in verdicts] == [
        ("v1", "held", "0"), ("v2", "FAILED", "1"), ("v3", "FAILED", "1"), ("v4", "held", "0"),
    ]  # fmt: skip
    assert int(verdicts[1][2]) == 0 < int(verdicts[2][2]) < int(verdicts[3][2])  # v3 mends some of it.
    assert not {character for character in text if ord(character) < 32} - {"\n"}


@pytest.fixture
def answering(told: tuple[Path, str]) -> Iterator[None]:
    """Questions to the store of the finished demo are answered by an engine that is started once."""
    with held(settings.embedded(told[0])):
        yield


@pytest.mark.usefixtures("answering")
def test_what_it_tells_is_in_the_store(told: tuple[Path, str]) -> None:
    data, text = told
    judged = _rows(data, "SELECT sample, count() FROM feedback_latest WHERE kind = 'judge' GROUP BY sample")
    assert [sample for sample, _ in judged] == ["share"]
    assert judged[0][1] > 300
    reports = _rows(data, "SELECT DISTINCT version FROM feedback_latest WHERE kind = 'report'")
    assert reports == [("v2",)]  # Joined with their requests: users name no version.
    (cases,) = _rows(data, "SELECT count(), uniqExact(cluster) FROM triage_case_latest")
    assert f"{cases[0]} cases" in text
    states = dict(_rows(data, "SELECT status, count() FROM triage_board GROUP BY status"))
    sets = _rows(data, "SELECT number, length(cases) FROM eval_set_latest ORDER BY number")
    assert states["converted"] == sets[-1][1]
    assert [number for number, _ in sets] == list(range(1, len(sets) + 1))
    passed = dict(_rows(data, "SELECT version, avg(passed) FROM eval_result_latest GROUP BY version"))
    assert (passed["v1"], passed["v2"], passed["v4"]) == (1.0, 0.0, 1.0)
    control = [json.loads(line) for line in (data / replay.CONTROL).read_bytes().splitlines()]
    assert [(event["version"], event["pin"]) for event in control if event["type"] == "rollback"] == [("v2", "v1")]


def test_the_generator_errs_by_its_prompt_and_the_judge_by_chance() -> None:
    """Each version answers each question: v2 is wrong about all exceptions, and about nothing else."""
    wrong: dict[str, set[str]] = {version: set() for version in PROMPTS}
    for page in PAGES:
        for question in page.plain + page.special:
            assert found(question) is page
            assert truth(question) == page.sentences[question in page.special]
            for version in PROMPTS:
                if truth(question) not in answer(version, question).text:
                    wrong[version].add(question)
    specials = {question for page in PAGES for question in page.special}
    assert (wrong["v1"], wrong["v2"], wrong["v4"]) == (set(), specials, set())
    assert set() < wrong["v3"] < specials
    questions = [{"input": page.plain[0], "output": f"{page.rule} {number}"} for page in PAGES for number in range(100)]
    scores = [json.loads(judge.judgement(json.dumps(each)))[judge.CRITERION]["score"] for each in questions]
    assert 0 < scores.count(judge.RELATED) < 40


def test_a_story_that_does_not_come_out_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an hour in which v2 hardly serves nothing can be proved."""
    monkeypatch.setattr(story, "last_hour", lambda: World(start_ms=START_MS, requests=200, candidate_share=0.1))
    done = CliRunner().invoke(cli.app, ["demo", "--llm", "--data", str(tmp_path / "data")])
    assert done.exit_code == 1
    assert "the judge's scores did not prove that v2 is worse" in done.stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    refused = CliRunner().invoke(cli.app, ["demo", "--llm", "--data", str(tmp_path / "other")])
    assert (refused.exit_code, "something other than an earlier demo" in refused.stderr) == (1, True)
