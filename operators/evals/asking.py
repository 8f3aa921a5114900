"""Puts a case to a version: once, and again after a failure until more than half of all allowed answers agree."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from operators.evals.case import EvalCase
from operators.evals.gate_result import Answered, Tried

Ask = Callable[[EvalCase], Answered]


def tried(case: EvalCase, ask: Ask, repeat: int) -> Tried:
    """Return the answers to a case, at most `repeat`: it is not asked again if it passes at once or gets none."""
    answers = [ask(case)]
    while answers[0].passed is False and len(answers) < repeat and not _decided(answers, repeat):
        answers.append(ask(case))
    return Tried(answers=tuple(answers))


def _decided(answers: Sequence[Answered], repeat: int) -> bool:
    known = [each.passed for each in answers]
    return known[-1] is None or 2 * max(known.count(True), known.count(False)) > repeat


def messages_of(asked: str) -> list[dict[str, Any]]:
    """Return what a case asks as chat messages: those that it holds as JSON, else one message of the user.

    >>> messages_of("Hello"), messages_of('[{"role": "system", "content": "Be kind."}]')
    ([{'role': 'user', 'content': 'Hello'}], [{'role': 'system', 'content': 'Be kind.'}])
    """
    try:
        found = json.loads(asked) if asked.lstrip().startswith(("[", "{")) else None
    except (ValueError, RecursionError):
        found = None
    held = found.get("messages") if isinstance(found, dict) else found
    if isinstance(held, list) and held and all(isinstance(each, dict) and "role" in each for each in held):
        return held
    return [{"role": "user", "content": asked}]
