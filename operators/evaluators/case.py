"""A case that is judged, and its judgement."""

from collections.abc import Sequence

import msgspec

REASON_MAX = 500  # Characters of the reason for a score.


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
    """The score for one criterion: a number on a scale, or whether the answer passes."""

    criterion: str
    value: float | bool
    reason: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The judgement of one case: scores, or a `fault`, one word of a short list; and what judging took.

    With neither, the evaluator has nothing to say about such a case.
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
    """A judge's answer is not a judgement."""
