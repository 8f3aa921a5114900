"""Columns of thousands of items to dozens of rows: one sort, then one NumPy call per kind of count.

Cost per event: some 200 ns with five measures and three SLIs; nothing here is Python per event.
"""

from operator import itemgetter

import numpy as np

from operators.arrays import Ints, groups_of, runs_of
from operators.fast import loading
from operators.ingest.chains import NONE, count_chains
from operators.ingest.columns import Columns
from operators.ingest.event_times import EventTimes
from operators.ingest.label_ages import count_ages
from operators.ingest.measured import measured
from operators.ingest.sli import classify
from operators.ingest.slis.kind import NOT_MEANT
from operators.ingest.watched_counts import Runs, count, rows_of
from operators.policy.policy import Policy
from operators.policy.rules import compared
from operators.window.chains import Chains
from operators.window.leaf_index import own_series
from operators.window.partial import NEITHER, Partial, keep_first
from operators.window.splitting import split_rows
from operators.window.sums import sum_by_key


def summarise(columns: Columns, placed: EventTimes, shards: Ints, policy: Policy) -> list[tuple[int, int, Partial]]:
    """Return (shard, closing pane, partial) in that order; `shards` (names,) is the shard of each series."""
    if not len(columns.series):
        return []
    keys = (shards[columns.series], placed.closing, placed.late, placed.pane, columns.series)
    order, starts = groups_of(*keys)
    groups = Runs(order=order, starts=starts, of=np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order))))
    shard, closing, late, pane, which = (key[order[starts]] for key in keys)
    sums, extremes, cells = measured(columns, policy.measures, groups)
    watches = count(columns.watched, groups, policy)
    whole = Partial(
        series=columns.names,
        error_types=columns.error_types,
        which=which,
        pane=pane,
        late=late,
        events=np.diff(groups.starts, append=len(order)),
        slis=_slis(columns, policy, groups),
        sums=sums,
        extremes=extremes,
        outcomes=_outcomes(columns, groups),
        cells=cells,
        ages=count_ages(columns, placed, groups, policy),
        chains=_chains(columns, placed, groups, policy),
        bins=policy.bins,
        features=watches.features,
        moments=watches.moments,
        ranges=watches.ranges,
        offenders=watches.offenders,
        users=watches.users,
        samples=sorted(rows_of(columns.samples, groups), key=itemgetter(0)),
    )
    firsts = np.flatnonzero(runs_of(shard, closing))
    edges = [*firsts.tolist(), whole.rows]
    # The series of a batch are of all shards; each part gets only its own, as it may go to another process.
    parts = split_rows(whole, edges, own_series(whole.series, which, edges))
    # Few samples but the first ones were taken (`shown_before.py`): the pane drops the others.
    kept = [keep_first(part) if part.offenders else part for part in parts]
    return list(zip(shard[firsts].tolist(), closing[firsts].tolist(), kept, strict=True))


def _slis(columns: Columns, policy: Policy, groups: Runs) -> Ints:
    size = len(groups.starts)
    counts = np.zeros((size, len(policy.slis), 3), np.int64)
    for index, sli in enumerate(policy.slis):
        counts[:, index] = _classes(classify(sli, columns), groups)[:, :NOT_MEANT]
    return counts


def _classes(classes: Ints, groups: Runs) -> Ints:
    """Return the number of items by group and class, (groups, classes)."""
    kernels = loading.kernels()
    size, kinds = len(groups.starts), NOT_MEANT + 1
    if kernels is not None:
        counts: Ints = kernels.counted_classes(classes, groups.order, groups.starts, kinds)
        return counts
    return np.bincount(groups.of * kinds + classes[groups.order], minlength=size * kinds).reshape(size, kinds)


def _chains(columns: Columns, placed: EventTimes, groups: Runs, policy: Policy) -> Chains | None:
    if not columns.chain.any():
        return None
    classes = [classify(sli, columns) for sli in policy.slis]
    chain = columns.chain
    if columns.stream == "feedback":  # Only of labels that are compared.
        names = compared(policy.rules)
        labels = [of for sli, of in zip(policy.slis, classes, strict=True) if sli.on_feedback and sli.name in names]
        chain = np.where(np.any([of < NEITHER for of in labels], axis=0), chain, NONE)
    return count_chains(chain, columns.event, [of[groups.order] for of in classes], placed, groups)


def _outcomes(columns: Columns, groups: Runs) -> Ints:
    """Return the error types of each group, shape (K, 3): row, error type, n. Feedback has none."""
    if columns.stream == "feedback":
        return np.zeros((0, 3), np.int64)
    width = len(columns.error_types)
    keys, counts = sum_by_key(groups.of * width + columns.errors[groups.order])
    return np.column_stack((keys // width, keys % width, counts))
