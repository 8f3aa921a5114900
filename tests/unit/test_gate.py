"""The gate: what broke is named, flaky cases are asked again, and nothing that is not known passes for good."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner, Result

from flows import cli
from operators.evals.asking import messages_of, tried
from operators.evals.case import EvalCase
from operators.evals.checks import Check, Kind, failed
from operators.evals.exports import NotExported, exported, read_exported
from operators.evals.gate_result import Answered, Tried, gate_result, mcnemar
from operators.evals.junit import junit
from tests.chatting import Call, Chat, Reply, chat
from tests.dataflows.making import POLICY


def _case(asked: str, expected: str = "yes", **more: Any) -> EvalCase:
    check = Check(kind="contains", value=expected)
    return EvalCase(model="shop", input=asked, checks=(check,), at=1_760_000_000_000, by="eve", **more)


def _parsed(text: bytes) -> Element:
    return fromstring(text)  # noqa: S314  # It is ours.


GOOD, BAD, NONE = Answered(), Answered(failed=("contains",)), Answered(error="answered 500")


def _tried(*answers: Answered) -> Tried:
    return Tried(answers=answers)


@pytest.mark.parametrize(
    ("answers", "repeat", "asked", "outcome", "flaky"),
    [
        ([GOOD, BAD], 3, 1, "passed", False),
        ([BAD, BAD, GOOD], 3, 2, "failed", False),
        ([BAD, GOOD, GOOD], 3, 3, "passed", True),
        ([BAD, GOOD, BAD], 3, 3, "failed", True),
        ([BAD, GOOD], 1, 1, "failed", False),
        ([NONE, GOOD], 3, 1, "unanswered", False),
        ([BAD, NONE, GOOD], 3, 2, "failed", False),
        ([BAD, GOOD, BAD, GOOD, GOOD], 5, 5, "passed", True),
    ],
)
def test_what_fails_is_asked_until_more_than_half_agree(
    answers: list[Answered], repeat: int, asked: int, outcome: str, flaky: bool
) -> None:
    left = iter(answers)
    found = tried(_case("?"), lambda _: next(left), repeat)
    assert (len(found.answers), found.outcome, found.flaky) == (asked, outcome, flaky)


def test_cases_are_compared_one_by_one() -> None:
    ours = {"a": GOOD, "b": BAD, "c": BAD, "d": GOOD, "e": NONE, "f": BAD}
    theirs = {"a": GOOD, "b": GOOD, "c": BAD, "d": BAD, "e": GOOD, "f": NONE}
    candidate, baseline = ({case: _tried(each) for case, each in some.items()} for some in (ours, theirs))
    found = gate_result(list("abcdef"), candidate, baseline)
    assert (found.broke, found.still_failing, found.mended, found.unanswered) == (("b", "f"), ("c",), ("d",), ("e",))
    assert found.p_value == pytest.approx(mcnemar(2, 1))
    alone = gate_result(list("abcdef"), candidate, None)
    assert (alone.broke, alone.p_value) == (("b", "c", "f"), None)


@pytest.mark.parametrize(
    ("ours", "theirs", "held", "held_if_known"),
    [(GOOD, GOOD, True, True), (BAD, BAD, False, True), (BAD, GOOD, False, False), (NONE, GOOD, False, False)],
)
def test_what_holds_a_version_back(ours: Answered, theirs: Answered, held: bool, held_if_known: bool) -> None:
    found = gate_result(["a"], {"a": _tried(ours)}, {"a": _tried(theirs)})
    assert (found.held(allow_known=False), found.held(allow_known=True)) == (held, held_if_known)


def test_the_chance_is_that_of_the_sign_test() -> None:
    for broke in range(8):
        for mended in range(8):
            wanted = 1.0 if not broke else binomtest(broke, broke + mended, 0.5, alternative="greater").pvalue
            assert mcnemar(broke, mended) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "value", "answer", "holds"),
    [
        ("equals", "The Answer", " the  answer\n", True),
        ("equals", "answer", "the answer", False),
        ("contains", "30 DAYS", "within 30 days", True),
        ("excludes", "30 days", "within 30 Days", False),
        ("matches", r"^\[(Yes|No)\]", "[No] because", True),
        ("matches", r"^\[(Yes|No)\]", "Because [No]", False),
        ("json", "", '{"a": 1}', True),
        ("json", "", '{"a": 1', False),
        ("json", "", "[" * 100_000, False),
    ],
)
def test_checks(kind: Kind, value: str, answer: str, holds: bool) -> None:
    assert (failed([Check(kind=kind, value=value)], answer) == []) is holds


def test_a_conversation_is_asked_as_one() -> None:
    held = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    assert messages_of(json.dumps(held)) == held
    assert messages_of(json.dumps({"messages": held, "model": "x"})) == held
    for text in ("[Yes] or [No]?", '{"a": 1}', "[]", "[1]", "[" * 100_000):
        assert messages_of(text) == [{"role": "user", "content": text}]


def test_the_xml_names_what_broke_whatever_the_texts_hold() -> None:
    cases = [_case("a\x00<b>&]]>", root_cause="format_break"), _case("fine"), _case("known"), _case("gone")]
    wrong = Answered(failed=('contains "yes"',), output="no\x1b[2J \ud800 <x>")
    tries = [_tried(wrong, GOOD, wrong), _tried(GOOD), _tried(wrong), _tried(NONE)]
    candidate = {case.id: each for case, each in zip(cases, tries, strict=True)}
    baseline = {case.id: _tried(wrong if case.input == "known" else GOOD) for case in cases}
    found = gate_result([case.id for case in cases], candidate, baseline)
    (suite,) = _parsed(junit("set 1", cases, candidate, found, allow_known=True))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    broken, fine, known, gone = suite
    assert (broken.get("classname"), broken.get("name")) == ("shop.format_break", cases[0].id)
    assert broken.find("failure").get("message") == 'contains "yes"'  # type: ignore[union-attr]
    assert broken.find("system-out").text == "flaky: 1 of 3 answers passed"  # type: ignore[union-attr]
    assert [list(fine), known[0].tag, gone[0].tag] == [[], "skipped", "error"]
    (strict,) = _parsed(junit("set 1", cases, candidate, found, allow_known=False))
    assert (strict.get("failures"), strict[2][0].get("type")) == ("2", "still failing")


def test_what_was_exported_is_read_again_and_nothing_else() -> None:
    cases = sorted([_case("a", version="v1"), _case("b", note="ä")], key=lambda case: case.id)
    text = exported(cases, "ndjson").encode()
    assert read_exported(text, "shop") == cases
    for wrong in (text.replace(b"yes", b"no"), text + b"{", b"", text.replace(b"shop", b"ship")):
        with pytest.raises(NotExported):
            read_exported(wrong, "shop")


ASKED = {"prime": "Is 7 a prime?", "return": "May I return it?", "late": "Where is it?"}


def _script(call: Call, before: int) -> Reply:
    """v1 answers all well but the last; v2 breaks the question about returns, and is unsure about primes at first."""
    if call.text == ASKED["late"] and call.model == "shop:v1":
        return Reply(text="no idea")
    if call.model == "shop:v2" and (call.text == ASKED["return"] or (call.text == ASKED["prime"] and not before)):
        return Reply(text="no")
    if call.model == "shop:down":
        return Reply(status=401)
    return Reply(text="Yes, of course")


@pytest.fixture
def served() -> Iterator[Chat]:
    with chat(_script) as found:
        yield found


def _gate(folder: Path, served: Chat, version: str, *more: str, asked: Sequence[str] = tuple(ASKED.values())) -> Result:
    file = folder / "set.ndjson"
    file.write_text(exported([_case(text) for text in asked], "ndjson"))
    words = ["gate", "shop", "--cases", str(file), "--endpoint", served.url, "--name", "{model}:{version}"]
    return CliRunner().invoke(cli.app, [*words, "--version", version, *more])


def test_the_gate_fails_for_the_version_that_breaks_a_case_and_names_it(tmp_path: Path, served: Chat) -> None:
    result = _gate(tmp_path, served, "v2", "--baseline", "v1", "--junit", str(tmp_path / "junit.xml"))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    broken = _case(ASKED["return"]).id
    assert lines[0] == f"broke: {broken} (other): contains \"yes\": 'May I return it?' -> 'no'"
    assert lines[1].startswith(f"flaky: {_case(ASKED['prime']).id}")
    assert lines[2].startswith(f"mended: {_case(ASKED['late']).id}")
    assert lines[3] == "v2: FAILED: 2 of 3 passed, 1 broke, 1 flaky, 1 mended; by chance alone, p = 0.75"
    assert "not to be released" in result.stderr
    (suite,) = _parsed((tmp_path / "junit.xml").read_bytes())
    assert [test.get("name") for test in suite if test.find("failure") is not None] == [broken]


def test_a_version_that_breaks_nothing_is_held(tmp_path: Path, served: Chat) -> None:
    result = _gate(tmp_path, served, "v3", "--baseline", "v1")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (
        0, "v3: held: 3 of 3 passed, 1 mended; by chance alone, p = 1",
    )  # fmt: skip
    known = _gate(tmp_path, served, "v1", "--baseline", "v1b", asked=[ASKED["late"]])
    assert known.exit_code == 1
    assert _gate(tmp_path, served, "v1", "--baseline", "v2", asked=[ASKED["prime"]]).exit_code == 0


def test_a_version_that_does_not_answer_is_not_held(tmp_path: Path, served: Chat) -> None:
    result = _gate(tmp_path, served, "down", "--baseline", "v1", "--allow-known")
    assert result.exit_code == 1
    assert "down: FAILED: 0 of 3 passed, 3 no answer" in result.stdout
    assert "answered 401" in result.stdout


JUDGE = """
[[evaluator]]
name = "short"
kind = "length"
chars_max = 12
[[evaluator]]
name = "helpful"
kind = "llm"
endpoint = "{url}"
model = "judge"
timeout = "2s"
deadline = "2s"
criteria = {{ helpfulness = "Does it help?" }}
"""
ANSWERS = {"v1": "yes", "v2": "yes, bad", "v3": "yes, at length", "v4": "yes, better", "v5": "yes, #500"}


def _judging(call: Call, before: int) -> Reply:
    """A model answers by its version. The judge counts bad words; of two alike it prefers the first, as judges do."""
    if call.model != "judge":
        return Reply(text=ANSWERS[call.model]) if call.model in ANSWERS else Reply(status=401)
    texts = json.loads(call.text)
    if "#500" in call.text:
        return Reply(status=500)
    if "first" not in texts:
        score = 2 if "bad" in texts["output"] else 5
        reason = "It says bad. Ask ann@example.org\u202e\x1b[2J " + "and on " * 10_000
        return Reply(text=json.dumps({"helpfulness": {"reason": reason, "score": score}}))
    worth = [text.count("better") - text.count("bad") for text in (texts["first"], texts["second"])]
    better = "second" if worth[1] > worth[0] else "first"
    return Reply(text=json.dumps({"helpfulness": {"reason": "", "better": better}}))


def _judged(folder: Path, served: Chat, cases: Sequence[EvalCase], *more: str) -> Result:
    (folder / "set.ndjson").write_text(exported(cases, "ndjson"))
    (folder / "p.toml").write_text(POLICY + JUDGE.format(url=served.url))
    words = ["gate", "shop", "--cases", str(folder / "set.ndjson"), "--policy", str(folder / "p.toml")]
    return CliRunner().invoke(cli.app, [*words, "--endpoint", served.url, *more])


@pytest.fixture
def judging() -> Iterator[Chat]:
    with chat(_judging) as found:
        yield found


def _passing(asked: str, *evaluators: str) -> EvalCase:
    checks = tuple(Check(kind="passes", value=name) for name in evaluators)
    return EvalCase(model="shop", input=asked, checks=checks, at=1_760_000_000_000, by="eve")


@pytest.mark.parametrize(
    ("version", "code", "asked", "says"),
    [
        ("v1", 0, 1, "v1: held: 2 of 2 passed"),
        ("v2", 1, 2, 'passes "helpful": helpfulness 2: It says bad.'),
        ("v3", 1, 2, 'passes "short": short 0: 14 characters'),
        ("v5", 1, 1, "nobody judged it: server_error"),
    ],
)
def test_answers_pass_evaluators_of_the_policy(
    tmp_path: Path, judging: Chat, version: str, code: int, asked: int, says: str
) -> None:
    """Not only what is known word for word can be a test. What nobody judged has not passed."""
    cases = [_passing("Hello?", "short", "helpful"), _case("Is it?")]
    result = _judged(tmp_path, judging, cases, "--version", version)
    assert (result.exit_code, says in result.stdout) == (code, True), result.output
    # A judge may say what it likes, also what the answer holds.
    assert not {"\x1b", "\u202e"} & set(result.stdout)
    assert "ann@" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 600
    judged = sum(call.model == "judge" for call in judging.calls)
    assert judged >= asked if version == "v5" else judged == asked


def test_an_evaluator_may_be_asked_of_all_cases(tmp_path: Path, judging: Chat) -> None:
    result = _judged(tmp_path, judging, [_case("Is it?")], "--version", "v2", "--evaluator", "helpful")
    assert (result.exit_code, 'passes "helpful": helpfulness 2' in result.stdout) == (1, True)
    unknown = _judged(tmp_path, judging, [_passing("?", "odd")], "--version", "v1")
    assert unknown.exit_code == 2
    assert "evaluator = 'odd': must be one of the policy's, short, helpful" in unknown.stderr
    wrong = _judged(tmp_path, judging, [_case("?")], "--version", "v1", "--baseline", "v2", "--compare", "short")
    assert (wrong.exit_code, "must be of kind llm" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("version", "code", "says"),
    [
        ("v4", 0, "helpful prefers the candidate 6 times, the baseline 0 times, 0 ties; by chance alone, p = 1"),
        ("v3", 0, "helpful prefers the candidate 0 times, the baseline 0 times, 6 ties; by chance alone, p = 1"),
        ("v2", 1, "helpful prefers the candidate 0 times, the baseline 6 times, 0 ties; by chance alone, p = 0.0156"),
        ("v5", 1, "helpful prefers the candidate 0 times, the baseline 0 times, 0 ties, 6 not judged"),
    ],
)
def test_answers_are_compared_in_both_orders(tmp_path: Path, judging: Chat, version: str, code: int, says: str) -> None:
    """A judge that prefers what stands first makes ties, and no winner."""
    cases = [_case(f"Is it {number}?") for number in range(6)]
    options = ["--version", version, "--baseline", "v1", "--compare", "helpful"]
    result = _judged(tmp_path, judging, cases, *options, "--junit", str(tmp_path / "junit.xml"))
    assert (result.exit_code, says in result.stdout) == (code, True), result.output
    (suite,) = _parsed((tmp_path / "junit.xml").read_bytes())
    compared = suite[-1]
    assert (suite.get("tests"), compared.get("classname"), compared.get("name")) == ("7", "shop.compare", "helpful")
    assert [each.tag for each in compared] == {"v2": ["failure"], "v5": ["error"]}.get(version, [])
    assert (suite.get("failures"), suite.get("errors")) == (str(int(version == "v2")), str(int(version == "v5")))


def test_what_a_silent_baseline_cannot_be_compared_with_is_not_released(tmp_path: Path, judging: Chat) -> None:
    options = ["--version", "v1", "--baseline", "down", "--compare", "helpful"]
    result = _judged(tmp_path, judging, [_case("Is it?"), _case("Was it?")], *options)
    assert (result.exit_code, "0 ties, 2 not judged" in result.stdout) == (1, True), result.output


def test_where_the_result_goes_is_looked_at_before_anything_is_asked(tmp_path: Path, judging: Chat) -> None:
    for place in (tmp_path, tmp_path / "none" / "junit.xml"):
        result = _judged(tmp_path, judging, [_case("Is it?")], "--version", "v1", "--junit", str(place))
        assert (result.exit_code, "must be a file in a folder that is there" in result.stderr) == (2, True)
    assert not judging.calls
