"""`score_at_least`: feedback of one criterion is good from a limit on: true is 1, false 0.

Values from a judge while it was not trusted (`operators/evaluate/golden.py`) are neither, so that a judge that grows
strict makes no version look worse. Samples drawn at a larger rate for one slice count only where the policy says so;
requests judged because a user complained never count.
Of several sources that judge one criterion of a request the first in the log counts, unless one is named.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np

from operators.arrays import Floats, Ints
from operators.ingest.slis.kind import NOT_MEANT, Numbers, Read, SliKind
from operators.policy.measures import REPEATED
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD, NEITHER
from operators.wire.events import FLOOR, REPORTED, Feedback, FeedbackKind

EVALUATOR_END = "@"  # Ends the name of the evaluator in a source; its version follows.


class ScoreAtLeast(Sli, frozen=True, kw_only=True):
    """`criterion` is the feedback's `name`, `limit` the least good value; `source` an evaluator, or one version of it.

    `sample`: only samples drawn at the rate for all requests, or any.
    """

    criterion: str
    limit: float
    kind: FeedbackKind = "judge"
    source: str | None = None
    sample: Literal["share", "any"] = "share"

    @property
    def on_feedback(self) -> bool:
        return True

    @property
    def scored(self) -> bool:
        return True

    @property
    def once(self) -> bool:
        return self.source is None


def _column(sli: ScoreAtLeast) -> str:
    """Return the name of its column, which holds the classes; no field is named so."""
    return f"{sli.name} scored"


def _scored(sli: ScoreAtLeast, items: Sequence[Feedback]) -> Floats:
    return np.array([_class(sli, item) for item in items], float)


def _class(sli: ScoreAtLeast, item: Feedback) -> int:
    if item.kind != sli.kind or item.name != sli.criterion:
        return NOT_MEANT
    if item.sample == REPORTED or (sli.sample == "share" and item.sample == FLOOR):
        return NOT_MEANT
    if sli.source is not None and sli.source not in (item.source, (item.source or "").partition(EVALUATOR_END)[0]):
        return NOT_MEANT
    if item.standing or not isinstance(item.value, int | float):
        return NEITHER
    return GOOD if item.value >= sli.limit else BAD


def _columns(sli: ScoreAtLeast) -> Mapping[str, Read]:
    return {_column(sli): partial(_scored, sli)}


def _classify(sli: ScoreAtLeast, numbers: Numbers, errors: Ints) -> Ints:
    classes = numbers[_column(sli)].astype(np.int64)
    if sli.once:
        classes[numbers[REPEATED] > 0] = NOT_MEANT
    return classes


def _words(sli: ScoreAtLeast) -> str:
    by = "" if sli.source is None else f" by {sli.source}"
    return f"{sli.kind} of {sli.criterion}{by} >= {sli.limit:g}"


KIND = SliKind(
    good="score_at_least",
    sli=ScoreAtLeast,
    words=_words,
    classify=_classify,
    columns=_columns,
)
