"""`python`: a function of yours scores the answer, in a process of its own, with a limit on its time.

It is given a dictionary with `request_id`, `input`, `output`, `documents`, `expected`, and returns a number, a boolean,
or None if it has nothing to say.
"""

from typing import Annotated

from msgspec import Meta

from operators.evaluators.kind import EvaluatorKind
from operators.policy.evaluators import AnswerEvaluator
from operators.policy.fields import As
from operators.policy.reading import Duration, span

FUNCTION = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"


class PythonFunction(AnswerEvaluator, frozen=True, kw_only=True):
    """`function` is `package.module:name`, importable where rollguard runs; after `timeout` its process is ended."""

    unversioned = AnswerEvaluator.unversioned | {"timeout_ms"}

    function: Annotated[str, Meta(pattern=FUNCTION)]
    timeout_ms: Annotated[int, As(Duration, lambda each: each.value.ms, lambda ms: Duration(span(ms)))] = 1_000


KIND = EvaluatorKind(
    name="python",
    evaluator=PythonFunction,
    words=lambda evaluator: f"{evaluator.function} says so",
    runs="process",
)
