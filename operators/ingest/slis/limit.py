"""`at_most` and `at_least`: a number on an event, or on feedback of a kind, is within its limit.

An item that lacks the number is neither: missing data is never good news, bad news or zero.
"""

import math

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest.fields import is_feedback, kind_and_name, of_kind_name
from operators.ingest.slis.kind import NOT_MEANT, Numbers, SliKind
from operators.policy.errors import PolicyError
from operators.policy.measures import FIELDS_ALLOWED, is_field
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD, NEITHER

SCORED = ("judge", "safety")  # Kinds of feedback that judges give.

Flags = NDArray[np.bool_]


class NumberLimit(Sli, frozen=True, kw_only=True):
    """`field` is the number, `limit` the last good value."""

    field: str
    limit: float

    @property
    def on_feedback(self) -> bool:
        return is_feedback(self.field)

    @property
    def scored(self) -> bool:
        return self.on_feedback and kind_and_name(self.field)[0] in SCORED

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field,)


class AtMost(NumberLimit, frozen=True, kw_only=True):
    """The number is good up to its limit."""


class AtLeast(NumberLimit, frozen=True, kw_only=True):
    """The number is good from its limit on."""


def _check(sli: NumberLimit, key: str) -> None:
    if not math.isfinite(sli.limit):
        raise PolicyError(f"{key}.limit", sli.limit, "must be a finite number")
    if not is_field(sli.field):
        raise PolicyError(f"{key}.field", sli.field, FIELDS_ALLOWED)


def _at_most(sli: AtMost, numbers: Numbers, errors: Ints) -> Ints:
    return _classes(sli, numbers, numbers[sli.field] <= sli.limit)


def _at_least(sli: AtLeast, numbers: Numbers, errors: Ints) -> Ints:
    return _classes(sli, numbers, numbers[sli.field] >= sli.limit)


def _classes(sli: NumberLimit, numbers: Numbers, good: Flags) -> Ints:
    classes = np.where(np.isnan(numbers[sli.field]), NEITHER, np.where(good, GOOD, BAD))
    if sli.on_feedback:
        return np.where(numbers[of_kind_name(sli.field)] > 0, classes, NOT_MEANT)
    return classes


AT_MOST = SliKind(
    good="at_most",
    sli=AtMost,
    words=lambda sli: f"{sli.field} <= {sli.limit}",
    classify=_at_most,
    check=_check,
)
AT_LEAST = SliKind(
    good="at_least",
    sli=AtLeast,
    words=lambda sli: f"{sli.field} >= {sli.limit}",
    classify=_at_least,
    check=_check,
)
