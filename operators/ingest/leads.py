"""How far a partition's event time has come where the broker stamps messages (LogAppendTime): after a single event.

An event's lead is its time less the broker's when it was appended; it is negative, by the delay of producer and
network. Leads stay much the same while times grow, so they are remembered instead of times. An event at time t that was
appended at B moves time to min(t, B + bound), if that is further. With `outliers` = o and k = o + 1 the bound is the
k-th largest of the last 10 k leads, or the smallest of fewer than k, but never above 0; where events come densely, the
10 k-th largest of the last 100 k, updated after every 20 k. So

- in a partition of one event a minute time follows each event, however few there are, and however many there were;
- a message without an event of its own (refused, a copy, a tombstone) moves time, too, to its B + bound, so that a
  partition with hardly any valid event holds nobody up;
- events with a time ahead move nothing while they are at most a tenth of all, and at most o in a row (10 o in a dense
  log). More bring time to the broker's own, by which only events older than `disorder` are late.

Density is measured by the broker's times, which no producer sets. Cost: some 40 ns an event.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest.ranks import WIDER, ranked
from operators.policy.policy import Policy
from operators.window.watermark import NEVER

DENSE = 2  # [disorder] A log is dense while the last 10 k events were appended within this.
NONE = np.zeros(0, np.int64)


class Leads(msgspec.Struct, frozen=True, kw_only=True):
    """The `last` 100 k leads [ms], when the last 10 k events were `appended` [Unix ms], and how many there were in all.

    `bound` [ms] is the last one computed for a dense log; None before the first.
    """

    last: Ints = NONE
    appended: Ints = NONE
    count: int = 0
    bound: int | None = None


def time_by_leads(times: Ints, appended: Ints, leads: Leads, policy: Policy) -> tuple[Ints, Leads]:
    """Return how far time may go after each of the next events, (n,) [Unix ms], and the new state.

    `appended` (n,) [Unix ms] is the broker's time of each.
    """
    few = policy.outliers + 1
    many = WIDER * few
    known = np.concatenate((leads.last, times - appended))
    stamps = np.concatenate((leads.appended, appended))
    dense = _dense(stamps, len(times), many, DENSE * policy.disorder_ms)
    bounds, bound = _looked_at(known, leads, len(times), many)
    dense[: max(0, _look(many) - leads.count)] = False  # There is no bound yet.
    if not dense.all():
        bounds = np.where(dense, bounds, _sparse(known, len(leads.last), few))
    kept = Leads(
        last=known[-WIDER * many :].copy(),
        appended=stamps[-many:].copy(),
        count=leads.count + len(times),
        bound=bound,
    )
    return np.minimum(times, appended + np.minimum(bounds, 0)), kept


def time_without_events(empty: Ints, at: Ints, new: Ints, leads: Leads, policy: Policy) -> Ints:
    """Return how far time may go after messages without an event, (n,) [Unix ms]: their arrival alone tells the time.

    `empty` is when each was appended, `at` after how many of the `new` leads [ms]. NEVER before the first lead, and
    where events are more than `behind_ms` old when they come: there only events move time.
    """
    known, older = np.concatenate((leads.last, new)), len(leads.last)
    if not len(known):
        return np.full(len(empty), NEVER)
    bounds = _sparse(known, max(older - 1, 0), policy.outliers + 1)
    bounds = bounds if older else np.append(NEVER, bounds)
    bound = np.minimum(bounds[at], 0)
    return np.where(bound >= -policy.behind_ms, empty + bound, NEVER)


def _look(many: int) -> int:
    """Return the number of leads between updates of the bound of a dense log."""
    return 2 * many


def _dense(stamps: Ints, new: int, many: int, span_ms: int) -> NDArray[np.bool_]:
    """Tell for each of the last `new` events whether the `many` up to it were appended within a span."""
    out = np.zeros(new, bool)
    spans = (stamps[many - 1 :] - stamps[: max(0, len(stamps) - many + 1)])[-new:]
    out[new - len(spans) :] = spans <= span_ms
    return out


def _looked_at(known: Ints, leads: Leads, new: int, many: int) -> tuple[Ints, int | None]:
    """Return the bound of a dense log at each of the `new` events (any value before the first update), and the last."""
    bound = leads.bound
    bounds = np.full(new, 0 if bound is None else bound)
    look, older = _look(many), len(leads.last)
    for at in range(leads.count - leads.count % -look, leads.count + new, look):
        if not at:
            continue
        here = at - leads.count
        last = known[max(0, older + here - WIDER * many) : older + here]
        bound = int(np.partition(last, len(last) - many)[len(last) - many])
        bounds[here:] = bound
    return bounds, bound


def _sparse(known: Ints, older: int, few: int) -> Ints:
    """Return the bound of a log that is not dense, at each event after the `older` ones."""
    bounds = ranked(known, older, len(known), few)
    early = few - 1 - older  # For the first `early` events there are still too few leads.
    if early > 0:
        bounds[:early] = np.minimum.accumulate(known)[older : older + early]
    return bounds
