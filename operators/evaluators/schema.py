"""JSON Schema 2020-12 (by the library jsonschema) in bounded time, whatever the answer is.

The library searches `pattern` with a backtracking engine, compares all pairs for `uniqueItems`, and follows a schema
that refers to itself once for each alternative at each level. Here patterns are RE2, items are compared by hash, and
each keyword that is applied uses up steps, whose number is limited.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

from operators.evaluators.case import NotJudged
from operators.evaluators.regex import searched

STEPS_MAX = 50_000  # Of one answer. A step is a keyword applied, an item or a member: half a second at worst.
DEPTH_MAX = 64  # Nested levels of an answer.
FAULTS_MAX = 20  # The best of so many faults is reported.
TOO_COMPLEX = "too_complex"
# Keywords that are refused, as the library has no bounded way to apply them.
UNBOUNDED = ("unevaluatedItems", "unevaluatedProperties")
_OF_NAMES = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OF_VALUES = ("const", "enum", "default", "examples")
_Keyword = Callable[[Any, Any, Any, Any], Any]


class _Steps(msgspec.Struct):
    """The steps that are left for one answer."""

    left: int = STEPS_MAX


# The library gives keywords no place to keep state; each thread has its own context.
_steps: ContextVar[_Steps] = ContextVar("steps")


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas in it, but not the values that they compare with.

    >>> [sorted(each) for each in subschemas({"properties": {"pattern": {"const": {"pattern": "("}}}})]
    [['properties'], ['const']]
    """
    if isinstance(schema, list):
        for part in schema:
            yield from subschemas(part)
    elif isinstance(schema, dict):
        yield schema
        for key, part in schema.items():
            if key in _OF_NAMES and isinstance(part, dict):
                yield from subschemas(list(part.values()))
            elif key not in _OF_VALUES:
                yield from subschemas(part)


def patterns_of(schema: Mapping[str, Any]) -> list[str]:
    """Return the regular expressions of one schema, without those of the schemas in it."""
    named = schema.get("patternProperties")
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    return own + (list(named) if isinstance(named, dict) else [])


def fault_of(schema: bytes, value: Any) -> ValidationError | None:
    """Return why a value does not fit a schema, given as JSON; None if it does. NotJudged where that takes too long."""
    if _deeper(value, DEPTH_MAX):
        raise NotJudged(TOO_COMPLEX)
    _steps.set(_Steps())
    try:
        found: ValidationError | None = best_match(islice(_validator(schema).iter_errors(value), FAULTS_MAX))
    except RecursionError as error:
        raise NotJudged(TOO_COMPLEX) from error
    return found


def _deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [each for one in level if isinstance(one, dict | list) for each in _within(one)]
    return any(isinstance(one, dict | list) for one in level)


def _within(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    made = msgspec.json.decode(schema)
    for each in list(subschemas(made)):
        each.pop("$schema", None)  # Else the library would continue there with a validator of its own.
    return _VALIDATOR(made)


def _counted(keyword: _Keyword) -> _Keyword:
    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        steps = _steps.get()
        steps.left -= 1 + (len(instance) if isinstance(instance, dict | list) else 0)
        if steps.left < 0:
            raise NotJudged(TOO_COMPLEX)
        return keyword(validator, value, instance, schema)

    return apply


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not searched(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, parts: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, part in parts.items():
            for name in instance:
                if searched(pattern, name):
                    yield from validator.descend(instance[name], part, path=name, schema_path=pattern)


def _additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in instance:
        if name in known or any(searched(each, name) for each in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"Additional properties are not allowed ({name!r} was unexpected)")
        else:
            yield from validator.descend(instance[name], allowed, path=name)


def _unique(validator: Any, wanted: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if wanted and validator.is_type(instance, "array") and len({_hashable(each) for each in instance}) < len(instance):
        yield ValidationError(f"{instance!r} has non-unique elements")


def _hashable(value: Any) -> Any:
    """Return a hashable value that is equal where JSON values are: 1 equals 1.0, but not true."""
    if isinstance(value, dict):
        return "{", frozenset((name, _hashable(each)) for name, each in value.items())
    if isinstance(value, list):
        return "[", tuple(map(_hashable, value))
    return isinstance(value, bool), value


_OURS: Mapping[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "uniqueItems": _unique,
}
_VALIDATOR = extend(
    Draft202012Validator,
    {name: _counted(keyword) for name, keyword in (dict(Draft202012Validator.VALIDATORS) | dict(_OURS)).items()},
)
