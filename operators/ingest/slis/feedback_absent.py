"""`feedback_absent`: a request is good when no feedback of some kind comes on it within some time.

Reports and abandonment have no denominator of their own: people who do neither send nothing. So all requests count,
each in the pane in which it was made, and feedback moves its request from good to bad, whenever it comes. Requests are
counted by cohorts (`cohort_counts.py`), which change until they are mature. For rules, and in their windows, a cohort
counts once, in the pane in which its time is over (`window/maturing.py`). Several such feedbacks on one request count
as several.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from operators.arrays import Floats, Ints
from operators.ingest.slis.kind import NOT_MEANT, Numbers, Read, SliKind
from operators.policy.errors import PolicyError
from operators.policy.reading import UNITS_MS, Duration
from operators.policy.sli import Sli
from operators.wire.events import Feedback, FeedbackKind, ms_of

WITHIN_MS_MAX = 7 * UNITS_MS["d"]


class FeedbackAbsent(Sli, frozen=True, kw_only=True):
    """`kind` is that of the feedback, `within` how long after its request it counts."""

    kind: FeedbackKind
    within: str

    @property
    def on_feedback(self) -> bool:
        return True

    @property
    def within_ms(self) -> int:
        return Duration(self.within).ms


def _check(sli: FeedbackAbsent, key: str) -> None:
    try:
        within_ms = sli.within_ms
    except ValueError as error:
        raise PolicyError(f"{key}.within", sli.within, str(error)) from error
    if not 0 < within_ms <= WITHIN_MS_MAX:
        raise PolicyError(f"{key}.within", sli.within, "must be more than nothing, and at most 7d")


def heard_name(sli: str) -> str:
    """Return the name of the column that marks feedback which makes its request bad; no field is named so."""
    return f"{sli} heard"


def _columns(sli: FeedbackAbsent) -> Mapping[str, Read]:
    return {heard_name(sli.name): partial(_heard, sli.kind, sli.within_ms)}


def _heard(kind: FeedbackKind, within_ms: int, items: Sequence[Feedback]) -> Floats:
    return np.array([item.kind == kind and _in_time(item, within_ms) for item in items], float)


def _in_time(item: Feedback, within_ms: int) -> bool:
    """Tell whether feedback came in time; without the time of its request it counts, or it would be good news."""
    return item.request_ts is None or ms_of(item.ts) - ms_of(item.request_ts) <= within_ms


def _classify(sli: FeedbackAbsent, numbers: Numbers, errors: Ints) -> Ints:
    return np.full(len(errors), NOT_MEANT)


KIND = SliKind(
    good="feedback_absent",
    sli=FeedbackAbsent,
    words=lambda sli: f"no feedback of kind {sli.kind} within {sli.within} of the request",
    classify=_classify,
    columns=_columns,
    check=_check,
)
