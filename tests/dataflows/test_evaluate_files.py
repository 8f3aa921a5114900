"""Files judged from the command line: what comes out can be replayed, and what is wrong is said."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from operators.evaluate.sampling import draw_of
from tests.dataflows.making import POLICY, START_MS
from tests.judge_server import judge_server

TABLES = """
[sli.helpful]
good = "score_at_least"
criterion = "helpfulness"
source = "helpful"
limit = 4
[evaluate]
share = 0.5
references = "answers.ndjson"
[[evaluator]]
name = "right"
kind = "exact"
share = 1.0
[[evaluator]]
name = "helpful"
kind = "llm"
endpoint = "{address}"
model = "j"
key_env = "JUDGE_KEY"
golden = "golden.ndjson"
criteria = {{ helpfulness = "Does it help?" }}
"""
EVENTS = 60
QUERIES = Path(__file__).parents[2] / "infra/clickhouse/queries"


def event(number: int) -> dict[str, Any]:
    body = {"request_id": f"r{number}", "ts": START_MS + number * 100, "model": "m", "version": "v1"}
    return body | {"input": f"question {number % 3}", "output": f"answer {number % 2} {'bad ' * (number % 4)}"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUDGE_KEY", "sk-test")
    monkeypatch.setenv("ROLLGUARD_ID_KEY", "0123456789abcdef")
    for name in ("e1.ndjson", "e2.ndjson"):
        some = range(EVENTS // 2) if name == "e1.ndjson" else range(EVENTS // 2, EVENTS)
        Path(name).write_text("".join(json.dumps(event(number)) + "\n" for number in some))
    golden = {"input": "?", "output": "golden", "labels": {"helpfulness": 5}}
    Path("golden.ndjson").write_text(json.dumps(golden) + "\n")
    Path("answers.ndjson").write_text(json.dumps({"input": "question 0", "expected": "answer 0"}) + "\n")
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_files_are_judged_and_what_comes_out_can_be_replayed(folder: Path) -> None:
    with judge_server() as server:
        Path("p.toml").write_text(POLICY + TABLES.format(address=server.address))
        done = CliRunner().invoke(
            cli.app, ["evaluate", "e1.ndjson", "e2.ndjson", "--out", "judged", "--policy", "p.toml"]
        )
    assert done.exit_code == 0, done.output
    feedback, judges = lines(folder / "judged" / "feedback.ndjson"), lines(folder / "judged" / "judges.ndjson")
    drawn = {f"r{number}" for number in range(EVENTS) if draw_of("helpful", f"r{number}") < 0.5}
    helpful = {
        each["request_id"]: each["value"]
        for each in feedback
        if each["name"] == "helpfulness" and each["kind"] == "judge"
    }
    assert helpful == {name: 5.0 - int(name[1:]) % 4 for name in drawn}
    right = {each["request_id"]: each["value"] for each in feedback if each["name"] == "right"}
    assert right == {f"r{number}": number % 4 == 0 and number % 2 == 0 for number in range(0, EVENTS, 3)}
    assert sum("golden" in each.get("flags", ()) for each in judges) == 1
    assert f"{EVENTS} events: {len(drawn) + 1 + EVENTS // 3} judgements, 0 failed" in done.output
    told = ["replay", "e1.ndjson", "e2.ndjson", "judged/judges.ndjson", "--feedback", "judged/feedback.ndjson"]
    replayed = CliRunner().invoke(cli.app, [*told, "--policy", "p.toml", "--out", "results"])
    assert replayed.exit_code == 0, replayed.output
    summary = json.loads((folder / "results" / "summary.json").read_text())
    assert (summary["events"], summary["feedback"], summary["rejects"]) == (EVENTS + len(judges), len(feedback), {})
    again = CliRunner().invoke(cli.app, ["evaluate", "e1.ndjson", "--out", "judged", "--policy", "p.toml"])
    assert (again.exit_code, "is there already" in again.output) == (2, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("JUDGE_KEY", "NO_SUCH_KEY"), "evaluator.helpful.key_env = 'NO_SUCH_KEY': names a variable that is not set"),
        (("golden.ndjson", "none.ndjson"), "evaluator.helpful.golden = 'none.ndjson': is no file beside the policy"),
        (("answers.ndjson", "golden.ndjson"), "evaluate.references, line 1 = 'golden.ndjson'"),
        (("golden.ndjson", "answers.ndjson"), "evaluator.helpful.golden, line 1 = 'answers.ndjson'"),
        (("helpfulness =", "tone ="), "evaluator.helpful.golden, line 1 = ['helpfulness']: must label criteria"),
    ],
)
def test_what_a_judge_needs_is_missed_before_anything_is_judged(
    folder: Path, change: tuple[str, str], says: str
) -> None:
    text = TABLES.format(address="http://127.0.0.1:9/v1").replace(*change)
    Path("p.toml").write_text(POLICY + text)
    done = CliRunner().invoke(cli.app, ["evaluate", "e1.ndjson", "--out", "judged", "--policy", "p.toml"])
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert not (folder / "judged" / "feedback.ndjson").exists()


def test_a_file_of_which_nothing_can_be_read_is_no_success(folder: Path) -> None:
    """It once was: 0 events, exit code 0."""
    Path("odd.ndjson").write_bytes(b"\xff\xfe{}\n[1]\n")
    Path("p.toml").write_text(POLICY + '[[evaluator]]\nname = "short"\nkind = "length"\n')
    done = CliRunner().invoke(cli.app, ["evaluate", "odd.ndjson", "--out", "o1", "--policy", "p.toml"])
    assert done.exit_code == 1
    assert "2 items of events are refused" in done.stderr
    words = ["evaluate", "e1.ndjson", "--feedback", "odd.ndjson", "--out", "o2", "--policy", "p.toml"]
    done = CliRunner().invoke(cli.app, words)
    assert (done.exit_code, "2 items of feedback are refused" in done.stderr) == (0, True)


def test_what_users_complain_of_is_judged_whatever_the_rate_is(folder: Path) -> None:
    """And counts for no version: complaints are of bad answers."""
    told = [("r1", "report", "wrong"), ("r2", "thumbs", False), ("r3", "thumbs", True), ("r4", "edit", "better")]
    users = [{"request_id": name, "ts": START_MS + 9_000, "kind": kind, "value": value} for name, kind, value in told]
    Path("users.ndjson").write_text("".join(json.dumps(each) + "\n" for each in users))
    with judge_server() as server:
        rules = POLICY + TABLES.format(address=server.address).replace("share = 0.5", "share = 0.0")
        Path("p.toml").write_text(rules.replace("share = 1.0", "share = 0.0"))
        words = ["evaluate", "e1.ndjson", "--feedback", "users.ndjson", "--out", "judged", "--policy", "p.toml"]
        done = CliRunner().invoke(cli.app, words)
        assert done.exit_code == 0, done.output
        feedback = lines(folder / "judged" / "feedback.ndjson")
        helpful = [each for each in feedback if each["name"] == "helpfulness" and each["kind"] == "judge"]
        assert [(each["request_id"], each["sample"], each["value"]) for each in helpful] == [
            ("r1", "report", 4.0), ("r2", "report", 3.0),
        ]  # fmt: skip
    words = ["replay", "e1.ndjson", "--feedback", "judged/feedback.ndjson", "--policy", "p.toml", "--out", "results"]
    assert CliRunner().invoke(cli.app, words).exit_code == 0
    query = "SELECT sum(good + bad + neither) FROM sli_pane_latest WHERE sli IN ('helpful', 'quality')"
    asked = CliRunner().invoke(cli.app, ["sql", "--data", "results", query, "--format", "csv"])
    assert asked.stdout.splitlines()[1:] == ["0"]
    day = datetime.fromtimestamp(START_MS / 1000, UTC).replace(hour=0, minute=0, second=0)
    span = [f"from={day:%Y-%m-%d %H:%M:%S}", f"to={day + timedelta(days=1):%Y-%m-%d %H:%M:%S}"]
    params = ["model=m", "kind=judge", "panes=outcome_pane_latest", *span]
    query = f"@{QUERIES / 'quality_by_request_hour.sql'}"
    words = [
        "sql",
        "--data",
        "results",
        query,
        "--format",
        "csv",
        *(each for param in params for each in ("--param", param)),
    ]
    (row,) = CliRunner().invoke(cli.app, words).stdout.splitlines()[1:]
    assert row.split(",")[4] == "0"


def test_what_users_complained_of_and_nobody_judged_is_judged_from_the_store(folder: Path) -> None:
    """Once: what was judged is not asked for again. Requests that nobody complained of are not asked for.

    They count for no version whatever the rate is: of what the worker left out only complaints would be seen.
    """
    now_ms = int(time.time() * 1000) - 60_000
    events = [event(number) | {"ts": now_ms + number, "retrieval": [{"id": "page-7"}]} for number in range(4)]
    users = [{"request_id": f"r{number}", "ts": now_ms + 9_000, "kind": "report", "value": "no"} for number in (1, 2)]
    for name, items in (("now.ndjson", events), ("users.ndjson", users)):
        Path(name).write_text("".join(json.dumps(each) + "\n" for each in items))
    with judge_server() as server:
        Path("p.toml").write_text(POLICY + TABLES.format(address=server.address).replace("share = 0.5", "share = 1.0"))

        def run(*words: str) -> str:
            done = CliRunner().invoke(cli.app, [*words, "--policy", "p.toml"])
            assert done.exit_code == 0, done.output
            return done.output

        run("replay", "now.ndjson", "--feedback", "users.ndjson", "--archive", "--out", "one")
        run("evaluate", "--reported", "--data", "one", "--out", "newest", "--most", "1")
        newest = lines(folder / "newest" / "feedback.ndjson")
        assert {(each["request_id"], each["sample"]) for each in newest} == {("r2", "report")}
        assert not any(b"golden" in each for each in server.requests), "golden cases are the worker's"
        run("evaluate", "--reported", "--data", "one", "--out", "first")
        feedback = [each for each in lines(folder / "first" / "feedback.ndjson") if each["name"] == "helpfulness"]
        judged = {each["request_id"]: (each["sample"], each["value"]) for each in feedback if each["kind"] == "judge"}
        assert judged == {"r1": ("report", 4.0), "r2": ("report", 3.0)}
        assert b"page-7" in b"".join(server.requests)
        more = ("--feedback", "users.ndjson", "--feedback", "first/feedback.ndjson")
        run("replay", "now.ndjson", *more, "--archive", "--out", "two")
        assert "0 events: 0 judgements" in run("evaluate", "--reported", "--data", "two", "--out", "second")
