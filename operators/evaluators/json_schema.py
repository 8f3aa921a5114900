"""`json_schema`: the answer is JSON, and fits a schema (JSON Schema 2020-12, by the library jsonschema)."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing.exceptions import Unresolvable

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.texts import cut

_DETAIL_MAX = 200  # Characters of what the library says, which quotes the answer.


class JsonSchema(AnswerEvaluator, frozen=True, kw_only=True):
    """`schema` is the schema as a table. Without, any JSON passes."""

    schema: dict[str, Any] = msgspec.field(default_factory=dict)


def _check(evaluator: JsonSchema, key: str) -> None:
    try:
        Draft202012Validator.check_schema(evaluator.schema)
    except SchemaError as error:
        raise PolicyError(f"{key}.schema", error.instance, f"is no JSON Schema: {error.message}") from error
    if "$ref" in json.dumps(evaluator.schema):
        for part in _refs(evaluator.schema):
            if not part.startswith("#"):
                raise PolicyError(f"{key}.schema", part, "must refer within the schema: nothing is fetched")


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for part in value.values() for ref in _refs(part)]
    return [ref for part in value for ref in _refs(part)] if isinstance(value, list) else []


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Draft202012Validator:
    return Draft202012Validator(msgspec.json.decode(schema))


def _scores(evaluator: JsonSchema, case: JudgedCase) -> Sequence[Score]:
    try:
        value = json.loads(case.output)
    except (ValueError, RecursionError) as error:
        return passes(evaluator, False, f"no JSON: {cut(str(error), _DETAIL_MAX)}")
    try:
        fault = best_match(_validator(msgspec.json.encode(evaluator.schema)).iter_errors(value))
    except (RecursionError, Unresolvable) as error:
        return passes(evaluator, False, f"cannot be compared with the schema: {cut(str(error), _DETAIL_MAX)}")
    if fault is None:
        return passes(evaluator, True, "")
    return passes(evaluator, False, f"{fault.json_path}: {cut(fault.message, _DETAIL_MAX)}")


KIND = EvaluatorKind(
    name="json_schema",
    evaluator=JsonSchema,
    words=lambda evaluator: "the answer is JSON that fits the schema" if evaluator.schema else "the answer is JSON",
    scores=_scores,
    check=_check,
)
