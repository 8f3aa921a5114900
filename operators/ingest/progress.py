"""How far a partition's event time has come, judged by its own log so that a few events cannot move it.

With `outliers` = o, k = o + 1 and K = 10 k, the time after an event is the largest so far of

- the k-th largest time of the last 10 k events: o events with a time ahead of all others move nothing;
- where events come densely, the K-th largest of the last 10 K instead: as many as 10 o in a row move nothing;
- the oldest of the last k events where these came in order and span SLOW x disorder: a dense log that slows down.

So time follows k events after a pause, or K in a dense log: there waiting for them costs no more than DENSE x disorder.
Before the first k events there is no time. With `outliers` = 0 time is the largest of all events.

Events with a broker's stamp that are hardly older than it are left out of this: time follows each of them as soon as it
comes, by another rule (`leads.py`).

Events are counted, not messages, and everything is a function of the events before, however they are cut into batches.
Cost: some 25 ns an event, 115 in a dense log (scipy.ndimage.rank_filter), in batches of thousands.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.fast import loading
from operators.ingest.leads import Leads, time_by_leads
from operators.ingest.ranks import WIDER, ranked
from operators.policy.policy import Policy
from operators.window.watermark import NEVER

DENSE = 2  # [disorder] A log is dense while K events take no longer than this.
SLOW = 12  # [disorder] The span that k events in order must cover to be believed in a dense log.
NONE = np.zeros(0, np.int64)


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """The `times` [Unix ms] of the last 10 K events, how many there were in all, and whether they come densely."""

    times: Ints = NONE
    count: int = 0
    dense: bool = False
    leads: Leads = Leads()


def advance(
    time: int, recent: Recent, times: Ints, policy: Policy, appended: Ints | None = None
) -> tuple[Ints, Recent]:
    """Return the partition's time after each of the next events, (n,), and the new state.

    `time` is the partition's time before them, Unix ms, or NEVER. `appended` (n,) is the broker's own time of each,
    NEVER where an event has none; None if no event has one.
    """
    if not len(times):
        return NONE, recent
    if not policy.outliers:
        return np.maximum.accumulate(np.maximum(times, time)), recent
    if appended is None:
        seen, recent = _outlasting(times, recent, policy)
    else:
        seen, recent = _by_broker(times, appended, recent, policy)
    return np.maximum.accumulate(np.maximum(seen, time)), recent


def _by_broker(times: Ints, appended: Ints, recent: Recent, policy: Policy) -> tuple[Ints, Recent]:
    """As `_outlasting`, except for events with a broker's stamp that are hardly older than it."""
    seen = np.full(len(times), NEVER)
    stamped = appended > NEVER
    if stamped.any():
        seen[stamped], leads = time_by_leads(times[stamped], appended[stamped], recent.leads, policy)
        recent = msgspec.structs.replace(recent, leads=leads)
    old = times < appended - policy.behind_ms
    seen[old] = NEVER
    others = old | ~stamped
    if others.any():
        seen[others], recent = _outlasting(times[others], recent, policy)
    return seen, recent


def _outlasting(times: Ints, recent: Recent, policy: Policy) -> tuple[Ints, Recent]:
    """Return how far time may go after each of the next events, whatever it was before, and the new state."""
    few = policy.outliers + 1
    known = np.concatenate((recent.times, times))
    parts, dense = [], recent.dense
    for start, stop, dense in _stretches(known, recent, few, policy.disorder_ms):
        parts.append(_followed(known, start, stop, few, dense, policy.disorder_ms))
    kept = known[-WIDER * WIDER * few :].copy()
    count = recent.count + len(times)
    if not count % _stride(few):
        dense = _is_dense(known, few, policy.disorder_ms)
    return np.concatenate(parts), msgspec.structs.replace(recent, times=kept, count=count, dense=dense)


def _stride(few: int) -> int:
    """Return the number of events between checks of their density."""
    return 2 * WIDER * few


def _stretches(known: Ints, recent: Recent, few: int, disorder_ms: int) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, stop, dense) of stretches of the new events: density is checked at fixed counts of the log."""
    start, dense = len(recent.times), recent.dense
    stride = _stride(few)
    looks = range(start + stride - recent.count % stride, len(known), stride)
    for look, now in zip(looks, _densities(known, looks, few, disorder_ms), strict=True):
        if now != dense:
            yield start, look, dense
            start, dense = look, now
    yield start, len(known), dense


def _densities(known: Ints, looks: range, few: int, disorder_ms: int) -> Iterator[bool]:
    """Yield whether events came densely at each check."""
    width = 8 * WIDER * few
    kernels = loading.kernels()
    if kernels is None or not looks or looks[0] < width:
        for look in looks:
            yield _is_dense(known[:look], few, disorder_ms)
        return
    lower, upper = _ranks(width, WIDER * few)
    last = known[looks[0] - width : looks[-1]]
    low, high = (kernels.ranked_windows(last, width, rank)[:: looks.step] for rank in (lower, upper))
    yield from ((high - low) * WIDER * few <= (upper - lower) * DENSE * disorder_ms).tolist()


def _ranks(size: int, many: int) -> tuple[int, int]:
    """Return the two ranks among the last `size` events that density is measured between."""
    return (size - many) // 2, size - many


def _is_dense(known: Ints, few: int, disorder_ms: int) -> bool:
    """Tell whether K events take no longer than DENSE x disorder: by the middle of the last 8 K, which few can move."""
    many = WIDER * few
    last = known[-8 * many :]
    lower, upper = _ranks(len(last), many)
    ranked = np.partition(last, (lower, upper))
    return bool((ranked[upper] - ranked[lower]) * many <= (upper - lower) * DENSE * disorder_ms)


def _followed(known: Ints, start: int, stop: int, few: int, dense: bool, disorder_ms: int) -> Ints:
    """Return how far time may go after each of the events start .. stop - 1, whatever it was before."""
    if not dense:
        return ranked(known, start, stop, few)
    return np.maximum(ranked(known, start, stop, WIDER * few), _slowed(known, start, stop, few, disorder_ms))


def _slowed(known: Ints, start: int, stop: int, few: int, disorder_ms: int) -> Ints:
    """Return after each event the oldest of the last `few` if these are in order and span long enough; else NEVER."""
    out = np.full(stop - start, NEVER)
    first = max(start, few - 1)
    spans = known[first:stop] - known[first - few + 1 : stop - few + 1]
    for index in np.flatnonzero(spans >= SLOW * disorder_ms).tolist():
        last = known[first + index - few + 1 : first + index + 1]
        if (np.diff(last) >= -disorder_ms).all():
            out[first - start + index] = last.min()
    return out
