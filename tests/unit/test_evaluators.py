"""What each kind of evaluator says of an answer, and how a wrong one is refused."""

from typing import Any

import pytest

from operators.connectors.functions import FunctionClient
from operators.evaluators.case import JudgedCase
from operators.evaluators.python import PythonFunction
from operators.evaluators.registry import EVALUATOR_KINDS, evaluator_kind_of
from operators.policy.errors import PolicyError
from operators.policy_file.evaluators import answer_evaluators_of
from tests.dataflows.making import POLICY
from tests.policies import refused

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def verdict(kind: str, output: str, expected: str | None = None, **keys: Any) -> float | None:
    """Whether the answer passes, None where nothing is said of it; `given` is the input."""
    given = keys.pop("given", "how?")
    (evaluator,) = answer_evaluators_of([{"name": "it", "kind": kind} | keys])
    case = JudgedCase(request_id="r", input=given, output=output, documents=["doc-77"], expected=expected)
    scores = evaluator_kind_of(evaluator).scores(evaluator, case)
    assert all(score.reason for score in scores if not score.value)
    return scores[0].value if scores else None


@pytest.mark.parametrize(
    ("kind", "keys", "output", "passes"),
    [
        ("length", {}, "x", True),
        ("length", {}, "  \n", False),
        ("length", {"chars_max": 3}, " abc ", True),
        ("length", {"chars_max": 3}, "abcd", False),
        ("regex", {"pattern": r"\[\d+\]"}, "as in [3]", True),
        ("regex", {"pattern": r"\[\d+\]"}, "as in 3", False),
        ("regex", {"pattern": "(?i)guarantee", "must": "not_match"}, "We GUARANTEE it", False),
        ("regex", {"pattern": "(a+)+$"}, "a" * 10_000 + "b", False),  # Exponential elsewhere.
        ("json_schema", {}, "[1]", True),
        ("json_schema", {}, "{'a': 1}", False),
        ("json_schema", {}, "[" * 100_000, False),
        ("json_schema", {"schema": SCHEMA}, '{"id": 3, "more": true}', True),
        ("json_schema", {"schema": SCHEMA}, '{"id": "3"}', False),
        ("json_schema", {"schema": SCHEMA}, "{}", False),
        ("grounded", {"given": "Order A-17 of 2024 cost 1,250"}, "A-17 cost 1250, see doc-77; 3 items", True),
        ("grounded", {"given": "Order A-17 of 2024"}, "Order A-18 of 2024", False),
        ("grounded", {"given": "Order A-17 of 2024", "missing_max": 1}, "Order A-18 of 2024", True),
        ("refusal", {}, "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I can't help with that.", False),
        ("refusal", {}, "As an AI language model, I do not have opinions.", False),
        ("refusal", {}, "Sorry for the delay: the button is on the left.", True),
    ],
)
def test_what_passes(kind: str, keys: dict[str, Any], output: str, passes: bool) -> None:
    assert verdict(kind, output, **keys) is passes


@pytest.mark.parametrize(
    ("keys", "output", "expected", "passes"),
    [
        ({}, "Paris\n", " Paris", True),
        ({}, "paris", "Paris", False),
        ({"compare": "words"}, "paris", "Paris", True),
        ({"contains": True}, "It is Paris.", "Paris", True),
        ({"compare": "number"}, "1,250.0", "1250", True),
        ({"compare": "number"}, "twelve", "12", False),
        ({}, "Paris", None, None),
    ],
)
def test_what_is_expected(keys: dict[str, Any], output: str, expected: str | None, passes: bool | None) -> None:
    assert verdict("exact", output, expected, **keys) is passes


def shout(case: dict[str, Any]) -> object:
    """Score as the output says: a function of somebody's."""
    said = case["output"]
    if said == "raise":
        raise KeyError(said)
    if said == "loop":
        while True:
            pass
    return {"yes": True, "half": 0.5, "nothing": None, "text": "x", "nan": float("nan")}[said]


def test_a_function_scores_in_a_process_of_its_own_and_is_ended_in_time() -> None:
    name = f"{__name__}:shout"
    tables = [{"name": "mine", "kind": "python", "function": name, "timeout": "300ms"}]
    tables.append({"name": "gone", "kind": "python", "function": "no_such_module:f"})
    mine, gone = (each for each in answer_evaluators_of(tables) if isinstance(each, PythonFunction))
    client = FunctionClient([mine, gone])
    try:
        said = ["yes", "half", "nothing", "raise", "text", "nan", "loop", "yes"]
        asked = [client.ask(mine, JudgedCase(request_id="r", input="", output=each)) for each in said]
        found = [each.result(60) for each in asked]
        assert [each.fault for each in found] == [
            "", "", "", "evaluator_failed", "unusable_answer", "unusable_answer", "timeout", "",
        ]  # fmt: skip
        assert [[score.value for score in each.scores] for each in found[:3]] == [[True], [0.5], []]
        assert client.ask(gone, JudgedCase(request_id="r", input="", output="yes")).result(60).fault == "import_failed"
    finally:
        client.close()


LLM = {"name": "h", "kind": "llm", "endpoint": "https://judge/v1", "model": "j", "criteria": {"help": "?"}}
WRONG: list[tuple[list[dict[str, Any]], str]] = [
    ([{"name": "a", "kind": "sentiment"}], "evaluator.a.kind = 'sentiment': must be one of length, regex"),
    ([{"kind": "length"}], "evaluator[0].name = None: is required"),
    ([{"name": "a", "kind": "length", "min": 3}], "evaluator.a.min = 3: is not a key of the policy"),
    ([{"name": "a", "kind": "length", "chars_max": 0}], "evaluator.a.chars_max = 0: must be at least chars_min, 1"),
    ([{"name": "a", "kind": "regex", "pattern": "("}], "evaluator.a.pattern = '(': is no pattern of RE2"),
    ([{"name": "a", "kind": "json_schema", "schema": {"type": 3}}], "evaluator.a.schema = 3: is no JSON Schema"),
    (
        [{"name": "a", "kind": "json_schema", "schema": {"$ref": "http://x/y"}}],
        "evaluator.a.schema = 'http://x/y': must refer within the schema",
    ),
    ([{"name": "a", "kind": "python", "function": "os.system('x')"}], "evaluator.a.function = \"os.system('x')\""),
    ([{"name": "a", "kind": "length"}] * 2, "evaluator[1].name = 'a': is named twice"),
    (
        [{"name": "a", "kind": "length", "after": "b"}],
        "evaluator.a.after = 'b': must be an evaluator that stands before",
    ),
    (
        [{"name": "a", "kind": "length", "share": 0.1}, {"name": "b", "kind": "length", "after": "a", "share": 0.2}],
        "evaluator.b.share = 0.2: must be at most that of a, 0.1",
    ),
    ([LLM | {"endpoint": "ftp://x"}], "evaluator.h.endpoint = 'ftp://x': must be an address"),
    ([LLM | {"endpoint": "http://a:b@host/v1"}], "evaluator.h.endpoint = '(a secret)': must hold no password"),
    ([LLM | {"endpoint": "http://host:port/v1"}], "evaluator.h.endpoint = 'http://host:port/v1': must be an address"),
    ([LLM | {"criteria": {}}], "evaluator.h.criteria = []: must name 1 to 50 criteria"),
    ([LLM | {"criteria": {"a b": "?"}}], "evaluator.h.criteria = 'a b': must be letters"),
    ([LLM | {"criteria": {"a": " "}}], "evaluator.h.criteria.a = ' ': must say what is judged"),
    ([LLM | {"timeout": "2m"}], "evaluator.h.timeout = '2m': must be more than nothing, at most deadline"),
    ([LLM | {"timeout": "soon"}], "evaluator.h.timeout = 'soon': must be a duration"),
    ([LLM | {"key_env": "sk-123"}], "evaluator.h.key_env = 'sk-123': must be the name of a variable"),
    ([LLM | {"usd_per_day": 3}], "evaluator.h.usd_per_day = 3"),
    ([LLM | {"concurrency": 0}], "evaluator.h.concurrency = 0"),
    ([LLM, {"name": "help", "kind": "length"}], "evaluator.help.name = 'help': and h both score help, on two scales"),
]


@pytest.mark.parametrize(("tables", "says"), WRONG, ids=[says for _, says in WRONG])
def test_a_wrong_one_is_refused_by_its_key_and_value(tables: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        answer_evaluators_of(tables)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[evaluate]\nshare = 2.0", "evaluate.share"),
        ("[evaluate]\nwaiting_max = 1", "evaluate.waiting_max"),
        ('[evaluate]\nbehind_max = "1 minute"', "evaluate.behind_max"),
        ("[[evaluate.rate]]\nmodel = 'm'", "evaluate.rate[0].share"),
    ],
)
def test_a_wrong_sample_is_refused(text: str, key: str) -> None:
    refused(f"{POLICY}\n{text}\n", key)


def test_every_kind_says_what_it_judges() -> None:
    keys = {"regex": {"pattern": "x"}, "python": {"function": "m:f"}, "llm": LLM}
    for name, kind in EVALUATOR_KINDS.items():
        (evaluator,) = answer_evaluators_of([{"name": "it", **keys.get(name, {}), "kind": name}])  # type: ignore[dict-item]
        assert kind.words(evaluator)
