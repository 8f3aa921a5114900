"""Eval sets as files of other tools: a line of JSON per case, in the order of the set."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from operators.evals.case import EvalCase
from operators.evals.checks import Check, named_evaluators

Form = Literal["ndjson", "openai", "promptfoo"]


class NotExported(ValueError):
    """A file is not an exported eval set."""


class _Line(EvalCase, frozen=True, kw_only=True):
    id: str  # As written; it is compared with the id of the content.


def exported(cases: Iterable[EvalCase], form: Form) -> str:
    """Return cases as lines: with all their fields, or as OpenAI's evals or promptfoo read them."""
    return "".join(msgspec.json.encode(_FORMS[form](case)).decode() + "\n" for case in cases)


def _plain(case: EvalCase) -> dict[str, Any]:
    left_out = ("user_id",)
    known = {name: getattr(case, name) for name in EvalCase.__struct_fields__ if name not in left_out}
    return {"id": case.id, **known}


def _openai(case: EvalCase) -> dict[str, Any]:
    """A sample of OpenAI's evals: `ideal` is what its Match and Includes look for; the other checks are metadata."""
    ideal = [check.value for check in case.checks if check.kind in ("equals", "contains")]
    others = [check for check in case.checks if check.kind not in ("equals", "contains")]
    return {
        "input": [{"role": "user", "content": case.input}],
        "ideal": ideal[0] if len(ideal) == 1 else ideal,
        "metadata": {"id": case.id, "root_cause": case.root_cause, "checks": others},
    }


def read_exported(text: bytes, model: str) -> list[EvalCase]:
    """Return the cases that were written as ndjson, in order. NotExported if a line is not a case, or was changed."""
    cases = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            row = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotExported(f"line {number} is no eval case: {error}") from error
        case = EvalCase(**{name: getattr(row, name) for name in EvalCase.__struct_fields__})
        if case.model != model or case.id != row.id:
            raise NotExported(f"line {number} is " + ("changed" if case.model == model else f"of model {case.model!r}"))
        cases.append(case)
    if not cases:
        raise NotExported("holds no eval case")
    return sorted(cases, key=lambda case: case.id)


_ASSERTS: dict[str, str] = {
    "equals": "equals", "contains": "icontains", "excludes": "not-icontains", "matches": "regex", "json": "is-json",
}  # fmt: skip


def _promptfoo(case: EvalCase) -> dict[str, Any]:
    """A test of promptfoo, whose prompt is {{input}}; it does not know our evaluators."""
    named = named_evaluators(case.checks)
    return {
        "description": case.note or case.id,
        "vars": {"input": case.input},
        "assert": [_assert(check) for check in case.checks if check.kind in _ASSERTS],
        "metadata": {"id": case.id, "root_cause": case.root_cause} | ({"evaluators": named} if named else {}),
    }


def _assert(check: Check) -> dict[str, str]:
    return {"type": _ASSERTS[check.kind]} | ({"value": check.value} if check.value else {})


_FORMS: dict[Form, Callable[[EvalCase], dict[str, Any]]] = {
    "ndjson": _plain, "openai": _openai, "promptfoo": _promptfoo,
}  # fmt: skip
