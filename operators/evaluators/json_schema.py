"""`json_schema`: the answer is JSON, and fits a schema (JSON Schema 2020-12)."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.evaluators.regex import compiled
from operators.evaluators.schema import UNBOUNDED, fault_of, patterns_of, subschemas
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator
from operators.texts import cut

_DETAIL_MAX = 200  # Characters of the library's message, which quotes the answer.


class JsonSchema(AnswerEvaluator, frozen=True, kw_only=True):
    """`schema` is the schema as a table. Without one, any JSON passes."""

    schema: dict[str, Any] = msgspec.field(default_factory=dict)


def _check(evaluator: JsonSchema, key: str) -> None:
    try:
        Draft202012Validator.check_schema(evaluator.schema)
    except SchemaError as error:
        raise PolicyError(f"{key}.schema", error.instance, f"is no JSON Schema: {error.message}") from error
    for part in subschemas(evaluator.schema):
        _check_part(part, f"{key}.schema")


def _check_part(part: dict[str, Any], key: str) -> None:
    for name in ("$ref", "$dynamicRef"):
        if isinstance(part.get(name), str) and not part[name].startswith("#"):
            raise PolicyError(key, part[name], "must refer within the schema: nothing is fetched")
    for name in UNBOUNDED:
        if name in part:
            raise PolicyError(key, name, "is not supported, as its time has no bound: additionalProperties or items")
    for pattern in patterns_of(part):
        try:
            compiled(pattern)
        except re2.error as error:
            raise PolicyError(key, pattern, f"is no pattern of RE2: {error}") from error


def _scores(evaluator: JsonSchema, case: JudgedCase) -> Sequence[Score]:
    try:
        value = json.loads(case.output)
    except (ValueError, RecursionError) as error:
        return passes(evaluator, False, f"no JSON: {cut(str(error), _DETAIL_MAX)}")
    try:
        fault = fault_of(msgspec.json.encode(evaluator.schema), value)
    except Unresolvable as error:
        return passes(evaluator, False, f"cannot be compared with the schema: {cut(str(error), _DETAIL_MAX)}")
    if fault is None:
        return passes(evaluator, True, "")
    return passes(evaluator, False, f"{fault.json_path}: {cut(fault.message, _DETAIL_MAX)}")


KIND = EvaluatorKind(
    name="json_schema",
    evaluator=JsonSchema,
    words=lambda evaluator: "the answer is JSON that fits the schema" if evaluator.schema else "the answer is JSON",
    whole=True,
    scores=_scores,
    check=_check,
)
