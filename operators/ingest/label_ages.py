"""The ages of labels that canary rules compare, and the counts of request cohorts: columns to sparse counts."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.cohort_counts import ages_of, cohort_keys
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.sli import classify
from operators.ingest.watched_counts import Runs
from operators.policy.policy import Policy
from operators.policy.rules import compared
from operators.window.label_ages import encode, width
from operators.window.partial import BAD, NEITHER
from operators.window.sums import sum_by_key


def count_ages(columns: Columns, placed: EventTimes, groups: Runs, policy: Policy) -> Ints:
    """Return counts (K, 2) of group and age, as `operators/window/label_ages.py` has them.

    They are of labels that canary rules compare, and of what cohort SLIs count.
    """
    keys = [*_label_keys(columns, placed, groups, policy), *cohort_keys(columns, placed, groups, policy)]
    return np.column_stack(sum_by_key(np.concatenate(keys))) if keys else np.zeros((0, 2), np.int64)


def _label_keys(columns: Columns, placed: EventTimes, groups: Runs, policy: Policy) -> list[Ints]:
    names = compared(policy.rules)
    slis = [(index, sli) for index, sli in enumerate(policy.slis) if sli.on_labels and sli.name in names]
    if columns.stream != "feedback" or not slis:
        return []
    lag, age = ages_of(columns, placed, policy)
    lag, age = lag[groups.order], age[groups.order]
    keys = []
    for index, sli in slis:
        classes = classify(sli, columns)[groups.order]
        meant = classes < NEITHER
        bad = (classes[meant] == BAD).astype(np.int64)
        keys.append(groups.of[meant] * width(len(policy.slis)) + encode(index, bad, lag[meant], age[meant]))
    return keys
