"""What is judged, and what a judgement says."""

from collections.abc import Sequence

import msgspec

REASON_MAX = 500  # Characters of why a score was given.


class JudgedCase(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: the texts of a request, the documents it was given, and the answer that is expected, if one is known.

    A text that came as JSON (messages, a tool call) is that JSON. `documents` are names, not texts.
    """

    request_id: str
    input: str
    output: str
    documents: Sequence[str] = ()
    expected: str | None = None


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one criterion: a number on a scale, or whether the answer passes."""

    criterion: str
    value: float | bool
    reason: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What judging one case came to: its scores, none with a `fault`, one word of a short list; and what it took.

    Without scores and fault the evaluator has nothing to say of such a case.
    """

    scores: Sequence[Score] = ()
    fault: str = ""
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


class NotJudged(Exception):
    """An evaluator cannot judge such an answer; `fault` is why, one word of a short list."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class UnusableAnswer(ValueError):
    """A judge said something that is no judgement."""
