"""`llm`: a model behind an address that speaks OpenAI's chat protocol gives each criterion a score from 1 to 5."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.chat import INSTRUCTIONS, answer_schema, instructions, request_body
from operators.evaluators.kind import EvaluatorKind
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.fields import As
from operators.policy.reading import NAME, Duration, Positive, Share, span
from operators.spans import HOUR_MS

CRITERIA_MAX = 50
DEADLINE_MS_MAX = 600_000
_ms = As(Duration, lambda each: each.value.ms, lambda ms: Duration(span(ms)))
Price = Annotated[float, Meta(ge=0, le=1e6)]


class Llm(AnswerEvaluator, frozen=True, kw_only=True):
    """`endpoint` is the address before `/chat/completions`; `key_env` names the variable with its key.

    `criteria` has a rubric by name, `task` says what the judged program is for. An answer passes from `pass_score` on.
    A call may take `timeout`, all calls of one judgement `deadline`. `concurrency` is how many run at once.
    Each partition of the input has an equal part of the budgets, by the log's own hours and days (UTC).
    Every `golden_every` of the log the cases of the file `golden` are judged; a judge that surely agrees with their
    labels less than `agreement_min` is not trusted.
    """

    unversioned = AnswerEvaluator.unversioned | {
        "key_env", "concurrency", "timeout_ms", "deadline_ms", "usd_per_1m_input", "usd_per_1m_output",
        "requests_per_hour", "tokens_per_day", "usd_per_day", "golden", "golden_every_ms", "agreement_min", "settle_ms",
        "pass_score",
    }  # fmt: skip
    wording = INSTRUCTIONS

    endpoint: str
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    criteria: dict[str, str]
    task: str = ""
    key_env: str | None = None
    texts: Literal["redacted", "full"] = "redacted"
    structured: Literal["json_schema", "json_object"] = "json_schema"
    output_tokens_max: Positive = 600
    pass_score: Annotated[float, Meta(ge=1, le=5)] = 4.0
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 64
    timeout_ms: Annotated[int, _ms] = 30_000
    deadline_ms: Annotated[int, _ms] = 60_000
    requests_per_hour: Positive | None = None
    tokens_per_day: Positive | None = None
    usd_per_day: Annotated[float, Meta(gt=0)] | None = None
    usd_per_1m_input: Price = 0.0
    usd_per_1m_output: Price = 0.0
    golden: str | None = None
    golden_every_ms: Annotated[int, _ms] = 300_000
    agreement_min: Share = 0.8
    settle_ms: Annotated[int, _ms] = HOUR_MS


def _check(evaluator: Llm, key: str) -> None:
    try:
        address = urlsplit(evaluator.endpoint)
        good = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        good = False
    if not good or address.query or address.fragment:
        raise PolicyError(f"{key}.endpoint", evaluator.endpoint, "must be an address such as https://host/v1")
    if address.username or address.password:
        raise PolicyError(f"{key}.endpoint", "(a secret)", "must hold no password: name a variable in key_env")
    if not 0 < len(evaluator.criteria) <= CRITERIA_MAX:
        raise PolicyError(f"{key}.criteria", list(evaluator.criteria), f"must name 1 to {CRITERIA_MAX} criteria")
    for name, rubric in evaluator.criteria.items():
        if not re.fullmatch(NAME, name):
            raise PolicyError(f"{key}.criteria", name, "must be letters, digits, '_', '.', '-', after a letter")
        if not rubric.strip():
            raise PolicyError(f"{key}.criteria.{name}", rubric, "must say what is judged")
    if evaluator.key_env is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", evaluator.key_env):
        raise PolicyError(f"{key}.key_env", evaluator.key_env, "must be the name of a variable, not the key itself")
    _check_times(evaluator, key)


def _check_times(evaluator: Llm, key: str) -> None:
    if not 0 < evaluator.timeout_ms <= evaluator.deadline_ms <= DEADLINE_MS_MAX:
        allowed = f"must be more than nothing, at most deadline, and that at most {span(DEADLINE_MS_MAX)}"
        raise PolicyError(f"{key}.timeout", span(evaluator.timeout_ms), allowed)
    if evaluator.golden_every_ms < 1_000:
        raise PolicyError(f"{key}.golden_every", span(evaluator.golden_every_ms), "must be at least 1s")
    if evaluator.usd_per_day is not None and not evaluator.usd_per_1m_input + evaluator.usd_per_1m_output > 0:
        raise PolicyError(
            f"{key}.usd_per_day", evaluator.usd_per_day, "needs prices: usd_per_1m_input, usd_per_1m_output"
        )


def body_of(evaluator: Llm, case: JudgedCase) -> bytes:
    """Return the request that asks for the judgement of a case."""
    names = list(evaluator.criteria)
    system = instructions(evaluator.criteria, evaluator.task)
    form: dict[str, Any] = {"type": "json_object"}
    schema = answer_schema(names)
    if evaluator.structured == "json_schema":
        form = {"type": "json_schema", "json_schema": {"name": "judgement", "strict": True, "schema": schema}}
    else:
        system += f'\nAnswer with one JSON object: {{"{names[0]}": {{"reason": "...", "score": 1}}, ...}}'
    texts: dict[str, Any] = {"input": case.input, "output": case.output}
    if case.documents:
        texts["documents"] = list(case.documents)
    if case.expected is not None:
        texts["expected"] = case.expected
    return request_body(evaluator.model, system, texts, form, evaluator.output_tokens_max)


def cost_usd(evaluator: Llm, input_tokens: int, output_tokens: int) -> float:
    """Return the cost of these tokens."""
    return (input_tokens * evaluator.usd_per_1m_input + output_tokens * evaluator.usd_per_1m_output) / 1e6


def _passed(evaluator: Llm, scores: Sequence[Score]) -> bool:
    return all(score.value >= evaluator.pass_score for score in scores)


KIND = EvaluatorKind(
    name="llm",
    evaluator=Llm,
    words=lambda evaluator: f"{evaluator.model} at {evaluator.endpoint} scores {', '.join(evaluator.criteria)}",
    runs="model",
    criteria=lambda evaluator: tuple(evaluator.criteria),
    passed=_passed,
    check=_check,
)
