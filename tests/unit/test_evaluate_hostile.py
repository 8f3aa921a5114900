"""What an answer, an event or an endpoint may hold that would stop a worker, again at each start: it costs itself."""

import json
import re
import time
from concurrent.futures import Future
from typing import Any

import pytest

from operators.enrich.waiting import BYTES_MAX
from operators.evaluate.rate import Budget
from operators.evaluators import length
from operators.evaluators.case import Judged, JudgedCase, NotJudged, Score
from operators.evaluators.chat import TOKENS_MAX, read_completion
from operators.evaluators.llm import cost_usd
from operators.evaluators.registry import evaluator_kind_of
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.policy_file.evaluators import answer_evaluators_of
from operators.wire.events import COST_MAX, INTEGER_MAX
from tests.unit.test_evaluated_log import MODEL, SHORT, Desk, evaluated, event, judge, messages, said
from tests.unit.test_judge_client import llm

SHAPE = '[[evaluator]]\nname = "shape"\nkind = "json_schema"\n'
INTEGERS = SHAPE + 'schema = { type = "object", additionalProperties = { type = "integer" } }\n'
LARGE = {f"{number:06d}": "s" * 128 for number in range(6_600)}  # 946 KB.


def shaped(schema: dict[str, Any], output: str) -> float | bool:
    (evaluator,) = answer_evaluators_of([{"name": "it", "kind": "json_schema", "schema": schema}])
    case = JudgedCase(request_id="r", input="", output=output)
    return evaluator_kind_of(evaluator).scores(evaluator, case)[0].value


def test_a_reason_that_quotes_half_a_character_is_written() -> None:
    found = judge(evaluated(INTEGERS), event("a", '{"\\ud800": "x"}'), event("b", '{"a": 1}'))
    bad, good = said(found.feedback)
    assert (bad["value"], good["value"]) == (False, True)
    assert bad["reason"].startswith("$[")
    assert found.judged == {"shape": 2}


def test_a_reason_is_cut_after_it_was_redacted() -> None:
    desk = Desk()
    log = evaluated(MODEL, desk)
    log.take(messages(event("a")), 0)
    reason = "x" * 490 + " ann@example.org " + "y" * 10**6
    desk.asked[0][2].set_result(Judged(scores=[Score(criterion="tone", value=4.0, reason=reason)]))
    (found,) = said(log.settled(0).feedback)
    assert len(found["reason"]) == 500
    assert "ann" not in found["reason"]


class Strange(Exception):
    """No kind of error that anybody thought of."""


def test_whatever_an_evaluator_raises_costs_that_judgement_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(evaluator: AnswerEvaluator, case: JudgedCase) -> list[Score]:
        if case.output == "bad":
            raise Strange
        return [Score(criterion=evaluator.name, value=True)]

    kind = type(length.KIND)(name="length", evaluator=length.Length, words=str, scores=scores)
    monkeypatch.setattr("operators.evaluators.registry._BY_CLASS", {length.Length: kind})
    found = judge(evaluated(SHORT), event("a", "bad"), event("b", "good"))
    assert [each["request_id"] for each in said(found.feedback)] == ["b"]
    assert (found.failed, found.judged) == ({"evaluator_failed": 1}, {"short": 1})


def test_whatever_a_judge_elsewhere_raises_costs_that_judgement_alone() -> None:
    desk = Desk()
    log = evaluated(MODEL, desk)
    log.take(messages(event("a"), event("b")), 0)
    desk.asked[0][2].set_exception(Strange())
    desk.answer("b")
    found = log.settled(0)
    assert {each["request_id"] for each in said(found.feedback)} == {"b"}
    assert found.failed == {"evaluator_failed": 1}
    assert [each.get("error_type") for each in said(found.events)] == ["evaluator_failed", None]


def test_what_nobody_can_write_costs_that_judgement_alone() -> None:
    desk = Desk()
    log = evaluated(MODEL, desk)
    log.take(messages(event("a"), event("b")), 0)
    done: Future[Judged] = desk.asked[0][2]
    done.set_result(Judged(scores=[Score(criterion="tone", value=object())], input_tokens=7))  # type: ignore[arg-type]
    desk.answer("b")
    found = log.settled(0)
    assert {each["request_id"] for each in said(found.feedback)} == {"b"}
    assert found.failed == {"evaluator_failed": 1}
    assert said(found.events)[0]["input_tokens"] == 7


def test_no_message_is_larger_than_brokers_take() -> None:
    desk = Desk()
    log = evaluated(MODEL, desk)
    log.take(messages(event("a", slices=LARGE), event("b")), 0)
    desk.answer(tokens=5)
    found = log.settled(0)
    assert max(len(each.value) for each in [*found.feedback, *found.events]) <= BYTES_MAX
    assert {each["request_id"] for each in said(found.feedback)} == {"b"}
    assert found.failed == {"too_large": 1}
    large, small = said(found.events)
    assert (large["error_type"], large["input_tokens"], "region" in large["slices"]) == ("too_large", 5, False)
    assert small["slices"] == {"region": "eu"}


def test_an_answer_that_was_cut_is_not_said_to_be_no_json() -> None:
    found = judge(evaluated(SHAPE), event("a", json.dumps("x" * 16_000)), event("b", json.dumps("x" * 15_900)))
    assert [(each["request_id"], each["value"]) for each in said(found.feedback)] == [("b", True)]
    assert found.failed == {"too_long": 1}


TWICE = [{"type": "array", "minItems": least, "items": {"$ref": "#"}} for least in (1, 2)]


@pytest.mark.parametrize(
    ("schema", "output"),
    [
        ({"type": "string", "pattern": r"^(\w+\s?)*$"}, '"' + "a" * 40 + '!"'),
        ({"patternProperties": {r"^(\w+\s?)*$": False}, "required": ["b"]}, '{"' + "a" * 40 + '!": 1}'),
        (
            {"patternProperties": {r"^(\w+\s?)*$": {}}, "additionalProperties": False},
            '{"' + "a" * 40 + '!": 1}',
        ),
        (
            {"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": r"^(\w+\s?)*$"}}},
            '{"a": "' + "a" * 40 + '!"}',
        ),
        ({"uniqueItems": True, "maxItems": 1}, "[" + ",".join(["{}", *(f"[{i}]" for i in range(2_600))]) + "]"),
    ],
)
def test_a_schema_takes_no_time_that_an_answer_chooses(schema: dict[str, Any], output: str) -> None:
    began = time.process_time()
    assert shaped(schema, output) is False
    assert time.process_time() - began < 20.0


@pytest.mark.parametrize("output", ["[" * 40 + "]" * 40, "[" * 60 + "1" + "]" * 60, "[" * 400 + "]" * 400])
def test_what_takes_too_many_steps_is_not_judged(output: str) -> None:
    began = time.process_time()
    with pytest.raises(NotJudged, match="too_complex"):
        shaped({"anyOf": TWICE}, output)
    assert time.process_time() - began < 60.0


@pytest.mark.parametrize(
    ("schema", "output", "fits"),
    [
        ({"uniqueItems": True}, '[1, true, [1], [true], {}, {"a": 1}]', True),
        ({"uniqueItems": True}, "[1, 1.0]", False),
        ({"uniqueItems": True}, '[{"a": [1, 2], "b": 0}, {"b": 0, "a": [1, 2]}]', False),
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, '{"n_a": 1}', True),
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, '{"n_a": "1"}', False),
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, '{"m": 1}', False),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, '{"a": 1, "b": "x"}', True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, '{"a": 1, "b": 2}', False),
        ({"pattern": r"^\d+$"}, '"42"', True),
        ({"pattern": r"^\d+$"}, '"\\ud800"', False),
        ({"properties": {"pattern": {"const": {"pattern": "("}}}}, '{"pattern": {"pattern": "("}}', True),
        ({"items": {"type": "object", "required": ["a"]}}, json.dumps([{"a": 1}] * 1_900), True),
    ],
)
def test_what_a_schema_says(schema: dict[str, Any], output: str, fits: bool) -> None:
    assert shaped(schema, output) is fits


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"items": {"pattern": "(?=a)"}}, "evaluator.it.schema = '(?=a)': is no pattern of RE2"),
        ({"patternProperties": {"(a)\\1": {}}}, "evaluator.it.schema = '(a)\\\\1': is no pattern of RE2"),
        ({"unevaluatedProperties": False}, "evaluator.it.schema = 'unevaluatedProperties': is not supported"),
        ({"$dynamicRef": "http://x/y"}, "evaluator.it.schema = 'http://x/y': must refer within the schema"),
    ],
)
def test_a_schema_without_bound_is_refused(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match="^" + re.escape(says)):
        shaped(schema, "1")


@pytest.mark.parametrize("digits", [3, 309, 4_299])
def test_tokens_that_an_endpoint_says_are_bounded(digits: int) -> None:
    body = b'{"choices": [], "usage": {"prompt_tokens": %b, "completion_tokens": %b}}' % (b"9" * digits, b"9" * digits)
    tokens = read_completion(body).tokens
    assert tokens == (min(10**digits - 1, TOKENS_MAX),) * 2
    evaluator = llm(usd_per_1m_input=1e6, usd_per_1m_output=1e6, usd_per_day=1.0)
    calls = 8
    assert max(tokens) * calls <= INTEGER_MAX
    assert cost_usd(evaluator, tokens[0] * calls, tokens[1] * calls) <= COST_MAX
    budget = Budget(evaluator, 1)
    budget.paid(*tokens)
    assert budget.halvings(1) is None
