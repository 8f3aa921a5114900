"""One request, or golden case, while it is judged: which evaluators were asked, and their judgements."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

import msgspec

from operators.evaluate.golden import Agreement, GoldenCase
from operators.evaluate.sampling import Drawn
from operators.evaluators.case import Judged, JudgedCase
from operators.policy.evaluators import AnswerEvaluator
from operators.wire.events import Request

Ask = Callable[
    [AnswerEvaluator, JudgedCase], "Future[Judged]"
]  # Of those that are not judged here; at once, and never raises.


class Judges(msgspec.Struct, frozen=True, kw_only=True):
    """What judging needs beside the policy: whom to ask, expected answers by input, golden cases by evaluator.

    `agreements` are those of all partitions of a process. This is partition `number` of `parts`, which share budgets
    and golden cases. `reported` are ids of requests that users complain of.
    """

    ask: Ask
    references: Mapping[str, str] = {}
    golden: Mapping[str, Sequence[GoldenCase]] = {}
    agreements: dict[str, Agreement] = {}
    reported: frozenset[str] = frozenset()
    number: int = 0
    parts: int = 1


class Work(msgspec.Struct, kw_only=True, eq=False):
    """A request at `position` and `item` of its log, received at `received_ms`; `open` judgements are not done.

    `asked_ms` is its own time. A golden case has no `request`, but a number, and the times of the request at which its
    round began; no gate applies to it.
    """

    position: int
    item: int
    received_ms: int
    asked_ms: int
    case: JudgedCase
    request: Request | None = None
    golden: int = 0
    drawn: Mapping[str, Drawn] = {}
    judged: dict[str, Judged] = {}
    open: int = 0
    gates: bool = True
