"""From complaints to tests: cases, clusters, what people do with them, and eval sets, on the embedded engine.

Version v2 of a shop's assistant answers questions about returns with a made-up policy; users report it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.triage import store as asked
from flows.triage.collect import collect
from operators.connectors.clickhouse.tables import Tables
from operators.triage.cases import id_of
from tests.chatting import Reply, chat
from tests.conftest import MIGRATIONS, Embedded, migrated
from tests.triaged import POLICY_TEXT, START_MS, add, event, on, policy, rollguard

FILES = ("triage_conversion", "triage_time_to_label", "triage_open_ages", "root_causes")
RULES = policy()
WRONG = (
    "You can return shoes within 365 days, whatever state they are in, and keep the money you were given for order {}."
)
ASKED = "How long can I return the shoes of order {}? My mail is ann{}@example.org"

RETURNS = [event(f"r{n}", "v2", ASKED.format(n * 17, n), WRONG.format(n * 17), n * 10) for n in range(6)]
OTHER = event("other", "v1", "Where is my parcel?", "It is on its way to you and comes tomorrow.", 100)
UNSAFE = event("unsafe", "v2", "How do I get rid of stains?", "Mix bleach with ammonia.", 200, flags=["unsafe"])
TIMEOUT = event("slow", "v1", "Hello", "", 210, error_type="timeout")
FINE = event("fine", "v1", "Hello", "Hello, how can I help you?", 220)
FEEDBACK = [
    *[on(each, "report", f"wrong, call me at +49 30 1234567{n}") for n, each in enumerate(RETURNS)],
    on(RETURNS[0], "judge", 1, name="grounded", source="judge-1", reason="No page says 365."),
    on(RETURNS[0], "judge", 5, name="polite", source="judge-1"),
    on(OTHER, "thumbs", False),
    on(FINE, "thumbs", True),
    on(FINE, "judge", 3, name="grounded", source="judge-1"),
]
CASE = {name: id_of("shop", name) for name in ("r0", "r1", "r5", "other", "unsafe", "slow")}


TABLES = ("request", "feedback", "triage_case", "triage_action", "eval_case", "eval_set")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("triage")


@pytest.fixture(scope="module")
def embedded(folder: Path) -> Iterator[Embedded]:
    with migrated(folder) as embedded:
        yield embedded


@pytest.fixture
def store(embedded: Embedded) -> Embedded:
    """The same requests and feedback for each test, and no cases."""
    for table in TABLES:
        embedded.client.command(f"TRUNCATE TABLE {table}")
    add(embedded, RULES, [*RETURNS, OTHER, UNSAFE, TIMEOUT, FINE], FEEDBACK)
    return embedded


@pytest.fixture
def run(store: Embedded, folder: Path) -> Any:
    """Runs `rollguard ...` on the store."""
    return lambda *words: rollguard(*words, "--data", folder)


def _collect(store: Embedded) -> Any:
    with Tables(store.url) as tables:
        return collect(tables, RULES)


def _board(store: Embedded) -> dict[str, dict[str, Any]]:
    with Tables(store.url) as tables:
        return {row["request_id"]: row for row in asked.board(tables, states=asked.STATES)}


def _ask(store: Embedded, file: str, **params: Any) -> list[dict[str, Any]]:
    text = (MIGRATIONS / "queries" / f"{file}.sql").read_text()
    return list(store.client.query(text, {"model": "shop", **params}).named_results())


def test_what_was_complained_about_becomes_cases_and_near_duplicates_one_cluster(store: Embedded) -> None:
    made = _collect(store)
    assert (made.cases, made.clusters, made.changed) == (9, 4, 9)
    board = _board(store)
    assert board.keys() == {"r0", "r1", "r2", "r3", "r4", "r5", "other", "unsafe", "slow"}
    assert {board[f"r{n}"]["cluster"] for n in range(6)} == {CASE["r0"]}
    assert board["r3"]["size"] == 6
    assert board["r0"]["reasons"] == ["judge grounded", "report"]
    assert next(iter(board)) == "unsafe"  # One unsafe answer is looked at before six reports.
    assert list(board)[-1] == "other"
    assert _collect(store).changed == 0


def test_what_is_low_or_unsafe_is_a_matter_of_the_criterion(store: Embedded) -> None:
    """A rubric from 1 to 5 has the safest answers at 5, a classifier of toxicity has them at 0."""
    rules = policy(POLICY_TEXT + "low_of = { harmless = 2, grounded = 4 }\n")
    said = [
        ("harmless", 5.0, "safety"), ("harmless", 1.0, "safety"), ("toxicity", 0.2, "safety"),
        ("toxicity", 0.9, "safety"), ("", "safe", "safety"), ("", "violence", "safety"),
        ("grounded", 4.0, "judge"), ("polite", 4.0, "judge"), ("", "up", "thumbs"), ("", "down", "thumbs"),
    ]  # fmt: skip
    events = [event(f"s{number}", "v9", "?", "!", 400 + number) for number in range(len(said))]
    feedback = [on(each, kind, value, name=name) for each, (name, value, kind) in zip(events, said, strict=True)]
    add(store, rules, events, feedback)
    with Tables(store.url) as tables:
        collect(tables, rules)
    board = {name: row for name, row in _board(store).items() if row["version"] == "v9"}
    assert {name: bool(row["unsafe"]) for name, row in board.items()} == {
        "s1": True, "s3": True, "s5": True, "s6": False, "s9": False,
    }  # fmt: skip


def test_texts_and_comments_are_redacted(store: Embedded) -> None:
    _collect(store)
    (row,) = store.client.query("SELECT input, signals FROM triage_case WHERE request_id = 'r3'").named_results()
    assert row["input"] == "How long can I return the shoes of order 51? My mail is [EMAIL]"
    assert json.loads(row["signals"])[0]["value"] == "wrong, call me at [PHONE]"


def test_cases_do_not_depend_on_when_they_were_made(store: Embedded) -> None:
    """The same items, in one run and in many, and after the request log has forgotten them."""
    _collect(store)
    whole = _board(store)
    store.client.command("TRUNCATE TABLE triage_case")
    kept = list(store.client.query("SELECT * FROM feedback").named_results())
    store.client.command("TRUNCATE TABLE feedback")
    _collect(store)
    assert _board(store).keys() == {"unsafe", "slow"}
    add(store, RULES, feedback=FEEDBACK[3:])
    _collect(store)
    assert len(kept) == len(FEEDBACK)
    add(store, RULES, feedback=FEEDBACK[:3])
    _collect(store)
    assert _board(store) == whole
    store.client.command("TRUNCATE TABLE request")
    assert _collect(store).changed == 0
    assert _board(store) == whole


def test_a_case_is_claimed_labelled_and_becomes_a_test(store: Embedded, run: Any) -> None:
    _collect(store)
    assert run("triage", "claim", "r0", "--by", "eve") == "1 case\n"
    assert _board(store)["r0"]["owner"] == "eve"
    assert (
        run("triage", "label", CASE["r0"][:8], "--cause", "hallucination", "--note", "made up", "--cluster")
        == "6 cases\n"
    )
    assert {_board(store)[f"r{n}"]["status"] for n in range(6)} == {"labelled"}
    said = run("triage", "convert", "r0", "--contains", "30 days", "--excludes", "365 days", "--by", "eve")
    assert "eval set 1 of shop: 1 cases" in said
    board = _board(store)
    assert (board["r0"]["status"], board["r0"]["root_cause"]) == ("converted", "hallucination")
    assert board["r1"]["status"] == "labelled"
    run("triage", "dismiss", "other", "--note", "all is well")
    assert _board(store)["other"]["status"] == "dismissed"
    run("triage", "reopen", "other")
    assert _board(store)["other"]["status"] == "open"
    shown = run("triage", "show", "r0")
    for part in (
        "[EMAIL]",
        "label by",
        "hallucination made up",
        "convert by eve",
        "judge grounded",
        "1 by judge-1: No page says 365.",
    ):
        assert part in shown
    listed = [json.loads(line) for line in run("triage", "list", "--format", "json").splitlines()]
    assert [row["id"] for row in listed] == [CASE["unsafe"], CASE["r5"], CASE["slow"], CASE["other"]]
    assert run("triage", "list").splitlines()[1].split()[-1] == "unsafe"


def test_the_same_conversion_makes_no_second_test(store: Embedded, run: Any) -> None:
    _collect(store)
    run("triage", "label", "r0", "r1", "--cause", "hallucination")
    ask = store.url.removeprefix("chdb://") + ".txt"
    Path(ask).write_text("How long can I return shoes?")
    for case in ("r0", "r1"):
        run("triage", "convert", case, "--contains", "30 days", "--input", ask)
    assert store.client.query("SELECT count() FROM eval_case_latest").result_rows == [(1,)]
    assert store.client.query("SELECT number, length(cases) FROM eval_set_latest").result_rows == [(1, 1)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["convert", "r0", "--contains", "x"], "is open: label it first"),
        (["label", "r0", "--cause", "bad luck"], "must be one of the policy's, retrieval_miss"),
        (["claim", "nobody"], "there is none"),
        (["claim", "r"], "at least 6 characters"),
        (["reopen", "r0"], "is open already"),
        (["convert", "r0"], "needs what must hold"),
        (["convert", "r0", "--matches", "("], "is no regular expression"),
        (["convert", "r0", "--contains", " "], "needs a text"),
        (["list", "--status", "odd"], "must be one of open"),
    ],
)
def test_what_cannot_be_done_is_said(store: Embedded, folder: Path, words: list[str], says: str) -> None:
    _collect(store)
    result = CliRunner().invoke(cli.app, ["triage", *words, "--data", str(folder)])
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    assert store.client.query("SELECT count() FROM triage_action").result_rows == [(0,)]


def test_what_comes_back_after_its_conversion_is_said(store: Embedded, run: Any) -> None:
    _collect(store)
    run("triage", "label", "r0", "--cause", "hallucination", "--cluster")
    run("triage", "convert", "r0", "--contains", "30 days")
    assert not any(row["regressed"] for row in _board(store).values())
    later_s = (datetime.now(UTC) + timedelta(hours=1)).timestamp() - START_MS / 1000
    again = event("again", "v3", ASKED.format(9, 9), WRONG.format(9), later_s)
    add(store, RULES, [again], [on(again, "report", "again")])
    _collect(store)
    board = _board(store)
    assert {name for name, row in board.items() if row["regressed"]} == {"again"}
    assert board["again"]["regressed"] == CASE["r0"]
    (row,) = [json.loads(line) for line in run("triage", "list", "--regressed", "--format", "json").splitlines()]
    assert (row["id"], row["what"]) == (id_of("shop", "again"), f"regressed: {CASE['r0'][:8]} was converted")


def test_the_numbers_of_triage_are_those_of_a_count_by_hand(store: Embedded, run: Any) -> None:
    _collect(store)
    run("triage", "label", "r0", "r1", "other", "--cause", "hallucination")
    run("triage", "label", "slow", "--cause", "other")
    run("triage", "convert", "r0", "--contains", "30 days")
    run("triage", "dismiss", "r5")
    rows = [(each["case_id"], each["type"], each["at"]) for each in store.client.query(
        "SELECT case_id, type, toUnixTimestamp64Milli(at) AS at FROM triage_action").named_results()]  # fmt: skip
    first = {id_of("shop", item["request_id"]): item["ts"] for item in reversed(FEEDBACK)}
    first |= {CASE["unsafe"]: UNSAFE["ts"], CASE["slow"]: TIMEOUT["ts"]}
    to_label = [(at - first[case]) / 1000 for case, type_, at in rows if type_ == "label"]
    to_test = [(at - first[case]) / 1000 for case, type_, at in rows if type_ == "convert"]
    always = {"from": datetime(2000, 1, 1, tzinfo=UTC), "to": datetime(2100, 1, 1, tzinfo=UTC)}
    (row,) = _ask(store, "triage_time_to_label", **always)
    assert (row["cases"], row["labelled"], row["converted"]) == (9, 4, 1)
    assert row["median_to_label_s"] == pytest.approx(median(to_label), abs=1e-3)
    assert row["longest_to_label_s"] == pytest.approx(max(to_label), abs=1e-3)
    assert row["median_to_test_s"] == pytest.approx(to_test[0], abs=1e-3)
    conversion = {row["version"]: row for row in _ask(store, "triage_conversion", **always)}
    names = ("cases", "clusters", "to_do", "labelled", "dismissed", "converted", "regressed")
    assert [conversion["v1"][name] for name in names] == [2, 2, 0, 2, 0, 0, 0]
    assert [conversion["v2"][name] for name in names] == [7, 2, 4, 1, 1, 1, 0]
    assert conversion["v2"]["converted_share"] == pytest.approx(1 / 7)
    causes = [
        (row["version"], row["root_cause"], row["cases"], row["share"]) for row in _ask(store, "root_causes", **always)
    ]
    assert causes == [("v1", "hallucination", 1, 0.5), ("v1", "other", 1, 0.5), ("v2", "hallucination", 2, 1.0)]
    at = datetime.fromtimestamp(START_MS / 1000, UTC) + timedelta(days=1, seconds=80)
    ages = {row["status"]: row for row in _ask(store, "triage_open_ages", at=at)}
    # First signals: r2, r3, r4 80, 90, 100 s, the unsafe one 200 s after the start; r1 70, other 160, slow 210 s.
    assert [ages["open"][name] for name in ("cases", "within_a_day", "within_a_week", "older")] == [4, 3, 1, 0]
    assert [ages["labelled"][name] for name in ("cases", "within_a_day", "within_a_week", "older")] == [3, 2, 1, 0]
    assert ages["open"]["oldest_s"] == 86_400


def test_sets_grow_never_change_and_are_exported(store: Embedded, run: Any, folder: Path) -> None:
    _collect(store)
    run("triage", "label", "r0", "other", "--cause", "hallucination", "--note", "made up")
    run("triage", "convert", "r0", "--contains", "30 days", "--excludes", "365")
    first = run("evals", "export", "shop", "--set", "1")
    run("triage", "convert", "other", "--matches", "parcel|package", "--json")
    assert run("evals", "export", "shop", "--set", "1") == first
    both = [json.loads(line) for line in run("evals", "export", "shop").splitlines()]
    assert json.loads(first) in both
    assert [each["request_id"] for each in both if each not in [json.loads(first)]] == ["other"]
    assert [row.split()[1:4:2] for row in run("evals", "list").splitlines()[1:]] == [["1", "1"], ["2", "2"]]
    assert 'contains "30 days"' in run("evals", "show", "shop")
    run("evals", "export", "shop", "--set", "1", "--format", "openai", "--out", folder / "openai.jsonl")
    sample = json.loads((folder / "openai.jsonl").read_text())
    assert sample["input"] == [
        {"role": "user", "content": "How long can I return the shoes of order 0? My mail is [EMAIL]"}
    ]
    assert (sample["ideal"], sample["metadata"]["checks"]) == ("30 days", [{"kind": "excludes", "value": "365"}])
    tests = [json.loads(line) for line in run("evals", "export", "shop", "--format", "promptfoo").splitlines()]
    asserts = {each["metadata"]["id"]: each["assert"] for each in tests}
    ids = {each["request_id"]: each["id"] for each in both}
    assert asserts[ids["r0"]] == [{"type": "icontains", "value": "30 days"}, {"type": "not-icontains", "value": "365"}]
    assert asserts[ids["other"]] == [{"type": "is-json"}, {"type": "regex", "value": "parcel|package"}]


def test_the_baseline_of_the_gate_is_the_version_that_serves(store: Embedded, run: Any) -> None:
    """That of the newest pin, else that with the most requests of the last day; unless it is the candidate."""
    _collect(store)
    run("triage", "label", "r0", "--cause", "hallucination")
    run("triage", "convert", "r0", "--contains", "yes")
    columns = "INSERT INTO outcome_pane (model, version, slice, pane_start, pane_ms, n, ver) VALUES "
    day, before = "2025-10-09 10:00:00", "2025-10-08 09:00:00"
    served = [("v0", before, 900), ("v1", day, 60), ("v1", before, 1), ("v2", day, 50), ("__other__", day, 500)]
    rows = [f"('shop', '{name}', '*', '{at}', 10000, {n}, 1)" for name, at, n in served]
    with chat(lambda call, before: Reply(text="yes")) as models:
        words = ("gate", "shop", "--version", "v3", "--endpoint", models.url)
        assert run(*words).splitlines()[0] == "baseline: none, as nobody knows which version serves"
        store.client.command(columns + ", ".join(rows))
        assert run(*words).splitlines()[0] == "baseline: v1"
        assert {call.model for call in models.calls} == {"v1", "v3"}
        store.client.command(
            "INSERT INTO control (model, id, revision, pin, ver)"
            " VALUES ('shop', 'b', 7, 'v7', 1), ('shop', 'a', 6, 'v6', 1)"
        )
        assert run(*words).splitlines()[0] == "baseline: v7"
        assert "baseline" not in run(*words, "--no-baseline")
        assert "baseline" not in run(*words, "--name", "{model}")
        assert run("gate", "shop", "--version", "v7", "--endpoint", models.url).splitlines()[0] == "baseline: v1"
    for table in ("outcome_pane", "control"):
        store.client.command(f"TRUNCATE TABLE {table}")


def test_a_set_or_case_that_somebody_changed_is_refused(store: Embedded, run: Any, folder: Path) -> None:
    _collect(store)
    run("triage", "label", "r0", "--cause", "hallucination")
    run("triage", "convert", "r0", "--contains", "30 days")
    none = CliRunner().invoke(cli.app, ["evals", "show", "", "--data", str(folder)])
    assert (none.exit_code, "there are none" in none.stderr) == (2, True)  # It once was that of all models.
    told = CliRunner().invoke(cli.app, ["evals", "export", "shop", "--set", "7", "--data", str(folder)])
    assert (told.exit_code, "'7' is not there; there are 1:" in told.stderr) == (2, True)
    columns = "model, id, input, '[]' AS checks, at, by, ver + 1 AS ver"
    names = "model, id, input, checks, at, by, ver"
    store.client.command(f"INSERT INTO eval_case ({names}) SELECT {columns} FROM eval_case")  # noqa: S608
    told = CliRunner().invoke(cli.app, ["evals", "export", "shop", "--data", str(folder)])
    assert (told.exit_code, "is not what it was" in told.stderr) == (1, True)


def test_what_is_stored_of_a_user_is_forgotten(store: Embedded, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLGUARD_ID_KEY", "0123456789abcdef")
    theirs = event("theirs", "v2", "Who am I?", "You are Bob.", 300, user_id="bob")
    add(store, RULES, [theirs], [on(theirs, "report", "true")])
    _collect(store)
    run("triage", "label", "theirs", "r0", "--cause", "other")
    run("triage", "convert", "theirs", "r0", "--excludes", "Bob")
    assert "1 rows of eval_case, 1 rows of triage_case, 1 rows of request deleted" in run("forget", "bob")
    _collect(store)
    assert "theirs" not in _board(store)
    assert len(run("evals", "export", "shop").splitlines()) == 1
