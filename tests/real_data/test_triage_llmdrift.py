"""Wrong answers of GPT-4 become tests that its next version fails: from LLMDrift's answers to the gate, end to end.

In March GPT-4 (0314) said that most primes are prime; in June (0613) it answered "[No]" to nearly all of them. Both are
served from the file here, through an endpoint that speaks OpenAI's chat protocol. All expected numbers are counted
from the file.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.triage import store as asked
from flows.triage.collect import collect
from operators.connectors.clickhouse.tables import Tables
from operators.policy_file.toml import parse
from tests.chatting import Call, Reply, chat
from tests.conftest import MIGRATIONS, Embedded, migrated
from tests.real_data.data import read_csv
from tests.real_data.llmdrift import ROWS, requests, scores
from tests.triaged import add, on, rollguard

pytestmark = pytest.mark.real_data

VERSIONS = ("0314", "0613")
QUESTIONS = 150  # Of each data set; the answers to more would only take longer.
TESTS = 25
ALWAYS = {"model": "gpt-4", "from": datetime(2000, 1, 1, tzinfo=UTC), "to": datetime(2100, 1, 1, tzinfo=UTC)}
POLICY = (Path(__file__).parent / "policies" / "llmdrift.toml").read_text().replace("[time]", "[time]\noutliers = 0")
RULES = parse(POLICY + "[triage]\nlow = 0\n")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the file: `asked` is the question, whose number the answers of 0314 repeat."""

    version: str
    dataset: str
    asked: str
    asked_chars: int  # As the file has it, which does not have the question.
    text: str
    right: bool
    event: dict[str, Any]
    score: dict[str, Any]


def _number(text: str) -> str:
    return max(re.findall(r"\d{4,6}", text), key=re.findall(r"\d{4,6}", text).count, default="")


def _answers() -> list[Answer]:
    rows = list(zip(read_csv(ROWS), requests(), scores(), strict=True))
    ours = [each for each in rows if each[1]["model"] == "gpt-4" and int(each[0]["id"]) % 500 < QUESTIONS]
    numbers = {
        (row["dataset"], row["id"]): _number(row["answer"]) for row, event, _ in ours if event["version"] == "0314"
    }
    found = []
    for row, event, score in ours:
        number = numbers[row["dataset"], row["id"]]
        if not number:
            continue
        question = f'Is {number} a prime number? Think step by step and then answer "[Yes]" or "[No]".'
        found.append(
            Answer(
                version=event["version"],
                dataset=row["dataset"],
                asked=question,
                asked_chars=int(row["query_chars"]),
                text=row["answer"],
                right=row["score"] == "1",
                event={**event, "input": question, "output": row["answer"]},
                score=score,
            )
        )
    return found


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    found = _answers()
    assert len(found) > 3.8 * QUESTIONS
    assert sum(len(each.asked) == each.asked_chars for each in found) > 0.9 * len(found)
    return found


@pytest.fixture(scope="module")
def store(answers: list[Answer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """What archive and monitor store of them; users report every third wrong answer of June."""
    wrong = [each for each in answers if each.version == "0613" and not each.right]
    reports = [on(each.event, "report", "it is a prime") for each in wrong[::3]]
    with migrated(tmp_path_factory.mktemp("triage")) as embedded:
        add(embedded, RULES, [each.event for each in answers], [*(each.score for each in answers), *reports])
        with Tables(embedded.url) as tables:
            collect(tables, RULES)
        yield embedded


@pytest.fixture(scope="module")
def board(store: Embedded) -> list[dict[str, Any]]:
    with Tables(store.url) as tables:
        return asked.board(tables)


def _ask(store: Embedded, file: str, **params: Any) -> list[dict[str, Any]]:
    text = (MIGRATIONS / "queries" / f"{file}.sql").read_text()
    return list(store.client.query(text, {**ALWAYS, **params}).named_results())


def test_every_wrong_answer_is_a_case_and_the_same_failure_is_one_cluster(
    answers: list[Answer], board: list[dict[str, Any]]
) -> None:
    assert {row["request_id"] for row in board} == {each.event["request_id"] for each in answers if not each.right}
    june = [row for row in board if row["version"] == "0613" and "dataset=prime" in row["slice"]]
    sizes = sorted((row["size"] for row in june), reverse=True)
    assert len(june) > 0.9 * QUESTIONS
    assert sizes[0] > 0.3 * len(june)  # Reported ones and others are told apart; of each most say just "[No]".
    assert len({row["cluster"] for row in june}) < 0.2 * len(june)
    assert board[0]["reason"] == "report"


def test_the_gate_fails_for_the_version_that_breaks_what_was_learned(
    store: Embedded, board: list[dict[str, Any]], answers: list[Answer], tmp_path: Path
) -> None:
    data: list[str | Path] = ["--data", Path(store.url.removeprefix("chdb://")).parent]
    june = [row for row in board if row["version"] == "0613" and "dataset=prime" in row["slice"]][:TESTS]
    names = [row["id"] for row in june]
    rollguard("triage", "label", *names, "--cause", "hallucination", "--by", "eve", *data)
    rollguard("triage", "convert", *names, "--contains", "[Yes]", "--by", "eve", *data)
    exported = tmp_path / "set.ndjson"
    rollguard("evals", "export", "gpt-4", "--out", exported, *data)
    tests = [json.loads(line) for line in exported.read_text().splitlines()]
    assert {test["request_id"] for test in tests} == {row["request_id"] for row in june}
    said = {(each.version, each.asked): each.text for each in answers}

    def script(call: Call, before: int) -> Reply:
        return Reply(text=said[call.model, call.text])

    holds = {
        version: {test["id"] for test in tests if "[yes]" in said[version, test["input"]].lower()}
        for version in VERSIONS
    }
    broke = holds["0314"] - holds["0613"]
    xml = tmp_path / "gate.xml"
    with chat(script) as served:
        words = ["gate", "gpt-4", "--endpoint", served.url, *map(str, data)]
        bad = CliRunner().invoke(cli.app, [*words, "--version", "0613", "--baseline", "0314", "--junit", str(xml)])
        good = CliRunner().invoke(cli.app, [*words, "--version", "0314", "--baseline", "0613", "--allow-known"])
        file = CliRunner().invoke(cli.app, [*words, "--version", "0613", "--cases", str(exported)])
    assert len(broke) > 0.8 * TESTS
    assert bad.exit_code == 1
    named = {line.split()[1] for line in bad.stdout.splitlines() if line.startswith("broke: ") and "more" not in line}
    assert named <= broke
    assert f"{len(broke)} broke" in bad.stdout
    assert f"p = {0.5 ** len(broke):.3g}" in bad.stdout
    suite = fromstring(xml.read_bytes())[0]  # noqa: S314  # It is ours.
    failures = [test.get("name") for test in suite if test.find("failure[@type='broke']") is not None]
    assert set(failures) == broke
    assert good.exit_code == 0, good.stdout
    assert file.exit_code == 1
    kept = store.client.query(
        "SELECT version, uniqExact(id) AS n, countIf(passed = 1) AS ok FROM eval_result GROUP BY version"
    )
    assert {row["version"]: row["n"] for row in kept.named_results()} == dict.fromkeys(VERSIONS, len(tests))


def test_the_numbers_are_those_of_the_file(store: Embedded, answers: list[Answer]) -> None:
    rows = {row["version"]: row for row in _ask(store, "triage_conversion")}
    wrong = {version: [each for each in answers if each.version == version and not each.right] for version in VERSIONS}
    assert {version: row["cases"] for version, row in rows.items()} == {name: len(some) for name, some in wrong.items()}
    assert rows["0613"]["converted"] == TESTS
    assert rows["0613"]["converted_share"] == pytest.approx(TESTS / len(wrong["0613"]))
    first = {each.event["request_id"]: each.score["ts"] for each in answers}
    done = store.client.query(
        "SELECT c.request_id AS request_id, toUnixTimestamp64Milli(a.at) AS at FROM triage_action AS a "
        "INNER JOIN triage_case_latest AS c ON c.id = a.case_id WHERE a.type = 'label'"
    ).named_results()
    spans = sorted((row["at"] - first[row["request_id"]]) / 1000 for row in done)
    (times,) = _ask(store, "triage_time_to_label")
    assert (times["labelled"], times["longest_to_label_s"]) == (TESTS, pytest.approx(spans[-1], abs=1e-3))
    assert times["median_to_label_s"] == pytest.approx(spans[TESTS // 2], abs=1e-3)
    newest = max(first[each.event["request_id"]] for some in wrong.values() for each in some)
    (ages,) = _ask(store, "triage_open_ages", at=datetime.fromtimestamp(newest / 1000, UTC))
    still = sum(map(len, wrong.values())) - TESTS
    assert (ages["status"], ages["cases"], ages["within_a_day"]) == ("open", still, still)
