"""Counts of cohort SLIs: the requests of a pane, and feedback by the pane of its request.

Both are counts of ages (`operators/window/label_ages.py`): a request is good and has no age, feedback is bad and has an
age of its own.
"""

from collections.abc import Iterator

import numpy as np

from operators.arrays import Ints
from operators.ingest.columns import REQUESTED, Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.slis.feedback_absent import heard_name
from operators.ingest.watched_counts import Runs
from operators.policy.policy import Policy
from operators.policy.sli import by_cohorts
from operators.window.label_ages import UNDATED, encode, lags_of, width

GOOD, BAD = 0, 1


def cohort_keys(columns: Columns, placed: EventTimes, groups: Runs, policy: Policy) -> Iterator[Ints]:
    """Yield, for each such SLI, the keys of age counts of its requests, or of feedback that makes one bad."""
    for index, sli in by_cohorts(policy.slis).items():
        if columns.stream == "events":
            none = np.zeros(len(groups.of), np.int64)
            yield groups.of * width(len(policy.slis)) + encode(index, none + GOOD, none, none)
        elif columns.stream == "feedback":
            heard = columns.numbers[heard_name(sli.name)][groups.order] > 0
            lag, age = ages_of(columns, placed, policy)
            lag, age = lag[groups.order][heard], age[groups.order][heard]
            bad = np.full(len(lag), BAD)
            yield groups.of[heard] * width(len(policy.slis)) + encode(index, bad, lag, age)


def ages_of(columns: Columns, placed: EventTimes, policy: Policy) -> tuple[Ints, Ints]:
    """Return lag and age of each feedback, in panes; UNDATED where it does not say when its request was made."""
    requested = columns.numbers[REQUESTED]
    dated = ~np.isnan(requested)
    lag, age = lags_of(np.where(dated, requested, placed.time).astype(np.int64), placed.time, policy.pane_ms)
    age[~dated] = UNDATED
    return lag, age
