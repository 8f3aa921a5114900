"""Which items of a partition are duplicates: the same id within a bounded horizon of the partition's own log.

Producers that retry send an item twice. An item is a duplicate if one with its id came within the last `horizon_ms` of
the log's own time (`item_clock.py`) and the last `ids_max` items, and its own time is no further off. That depends on
little of the log's past, so after a restart it is read again from the log instead of being saved.

Ids are 64-bit hashes. An item collides with another one with chance ids_max / 2 ** 64: at a billion items a day one
item is lost in some 500 years. Python keys its hash of texts (SipHash) anew in every process, so nobody can construct
colliding ids. Memory per partition: up to 16 MB for 100,000 ids, and 4 MB for their times.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast import loading
from operators.ingest.item_clock import ItemClock
from operators.window.watermark import NEVER
from operators.wire.events import REPORTED, Feedback

SLOTS_MIN = 1 << 12
PIECE = 1 << 13  # Items looked up at once.
MARKS = 64  # Per horizon: how finely its beginning in the log is known.
NONE = -1


class Anchor(NamedTuple):
    """Where to read the log from to remember the same; the log's time there, and the times it derives from [Unix ms].

    Older stores have no `recent`.
    """

    position: int
    clock: int
    recent: tuple[int, ...] = ()


START = Anchor(0, NEVER)


class Duplicates:
    """The memory of one partition, from an anchor on. With a `horizon_ms` of 0 it is empty.

    Up to `outliers` items with times ahead of all others do not move the log's time.
    """

    def __init__(self, horizon_ms: int, ids_max: int, outliers: int = 0, anchor: Anchor = START) -> None:
        self._horizon_ms, self._ids_max = horizon_ms, ids_max
        self._clock = ItemClock(outliers, anchor.clock, anchor.recent)
        self._count = 0  # Items so far: the number of the next one.
        self._times, self._own = _Times(ids_max), _Times(ids_max)  # The log's time at each item, and the items' own.
        # Items since this (number, time) are in the new table, earlier ones in the old.
        self._since = (0, anchor.clock)
        self._old, self._new = _Table(SLOTS_MIN), _Table(SLOTS_MIN)
        self._marks: list[tuple[Anchor, int]] = []  # Each with the number of the next item.

    def begin(self, position: int) -> None:
        """Note that the next items come from the message at `position`."""
        last, count = self._marks[-1] if self._marks else (None, 0)
        step_ms, step = self._horizon_ms // MARKS, self._ids_max // MARKS
        if last is None or self._clock.passed(last.clock) > step_ms or self._count - count > step:
            self._marks.append((Anchor(position, self._clock.now, self._clock.recent), self._count))
        while len(self._marks) > 1 and self._is_past(self._marks[1][1], self._marks[1][0].clock):
            del self._marks[0]

    @property
    def anchor(self) -> Anchor | None:
        """Where to read the log from to remember the same; None where there is nothing to remember."""
        return self._marks[0][0] if self._marks and self._horizon_ms else None

    def again(self, ids: Ints, times: Ints) -> NDArray[np.bool_]:
        """Remember the next items, (n,) in the order of the log; return which of them came before.

        No id is 0 (`ids_of`); `times` [Unix ms] are the items' own.
        """
        if not self._horizon_ms or not len(ids):
            return np.zeros(len(ids), bool)
        return np.concatenate(
            [self._again(ids[at : at + PIECE], times[at : at + PIECE]) for at in range(0, len(ids), PIECE)]
        )

    def _again(self, ids: Ints, times: Ints) -> NDArray[np.bool_]:
        if self._is_past(*self._since):
            self._old, self._new = self._new, _Table(self._new.slots)
            self._since = self._count, self._clock.now
        self._new.make_room(len(ids))
        numbers = np.arange(self._count, self._count + len(ids))
        clock = self._clock.take(times)
        self._count += len(ids)
        self._times.add(clock)
        self._own.add(times)
        before = self._new.remember(ids, numbers)
        unknown = before == NONE
        if self._old.used:
            if unknown.all():
                before = self._old.numbers_of(ids)
            else:
                before[unknown] = self._old.numbers_of(ids[unknown])
        again = before != NONE
        if not again.any():
            return np.asarray(again, bool)
        again &= numbers - before <= self._ids_max
        at = np.flatnonzero(again)
        since = self._clock.since(self._times.of(before[at]))
        apart = np.maximum(self._clock.since(clock[at]) - since, np.abs(times[at] - self._own.of(before[at])))
        again[at] = apart <= self._horizon_ms
        return np.asarray(again, bool)

    def _is_past(self, number: int, clock: int) -> bool:
        """Whether items before that number, and before that time of the log, are beyond the horizon by now."""
        return self._count - number >= self._ids_max or self._clock.passed(clock) > self._horizon_ms


class _Times:
    """The times of at least the last `kept` items."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._first = self._end = 0  # The number of the first item, and the place after the last one.
        self._times = np.zeros(SLOTS_MIN, np.int64)

    def add(self, times: Ints) -> None:
        if self._end + len(times) > len(self._times):
            known = self._times[max(self._end - self._kept, 0) : self._end]
            self._first += self._end - len(known)
            self._times, self._end = np.zeros(2 * (len(known) + len(times)), np.int64), len(known)
            self._times[: self._end] = known
        self._times[self._end : self._end + len(times)] = times
        self._end += len(times)

    def of(self, numbers: Ints) -> Ints:
        return self._times[numbers - self._first]


class _Table:
    """Ids with the number of the last item of each: open addressing, at most half full; pairs lie side by side."""

    def __init__(self, slots: int) -> None:
        self.slots, self.used = slots, 0
        self._pairs = np.zeros(2 * slots, np.int64)  # An id, 0 where there is none; the number, plus 1.
        self._shift = np.uint64(64 - slots.bit_length() + 1)

    def make_room(self, coming: int) -> None:
        if 2 * (self.used + coming) <= self.slots:
            return
        ids, numbers = self._pairs.reshape(-1, 2)[self._pairs[::2] != 0].T.copy()
        self.__init__(1 << (4 * (self.used + coming) - 1).bit_length())  # type: ignore[misc]  # As a new one.
        self.remember(ids, numbers - 1)

    def remember(self, ids: Ints, numbers: Ints) -> Ints:
        """Return the number that each id had, NONE for a new one, and store its next number, all in order."""
        kernels = loading.kernels()
        if kernels is not None:
            earlier = np.empty(len(ids), np.int64)
            self.used += kernels.remember_ids(self._pairs, self._shift, ids, numbers, earlier)
            return earlier
        places = self._places(ids, add=True) + 1
        before = self._pairs.take(places) - 1
        self.used += int(np.count_nonzero(before == NONE))
        self._pairs[places] = numbers + 1
        if (self._pairs.take(places) != numbers + 1).any():  # Some id occurs several times.
            order = np.argsort(places, kind="stable")
            same = np.flatnonzero(places[order][1:] == places[order][:-1])
            before[order[same + 1]] = numbers[order[same]]
            self._pairs[places[order]] = numbers[order] + 1  # The last item is written last.
        return before

    def numbers_of(self, ids: Ints) -> Ints:
        """Return the number of each id, NONE where it has none."""
        kernels = loading.kernels()
        if kernels is not None:
            found = np.empty(len(ids), np.int64)
            kernels.find_ids(self._pairs, self._shift, ids, found)
            return found
        return np.asarray(self._pairs.take(self._places(ids, add=False) + 1) - 1)

    def _places(self, ids: Ints, *, add: bool) -> Ints:
        """Return where each id is, or would be: all are tried at once, then again those that met another id."""
        places = (ids.view(np.uint64) >> self._shift).astype(np.int64) * 2
        pending, step = np.flatnonzero(~self._settled(places, ids, add)), 0
        while len(pending):
            step += 2  # Growing steps, so that ids cluster less; every slot is tried.
            tried = (places[pending] + step) & (len(self._pairs) - 1)
            places[pending] = tried
            pending = pending[~self._settled(tried, ids[pending], add)]
        return places

    def _settled(self, places: Ints, ids: Ints, add: bool) -> NDArray[np.bool_]:
        held = self._pairs.take(places)
        empty = held == 0
        if not add:
            return np.asarray(empty | (held == ids))
        # All slots are written, taken ones unchanged: faster than picking the empty ones.
        self._pairs[places] = np.where(empty, ids, held)
        # Of several ids that wanted one slot, one has got it.
        return np.asarray(self._pairs.take(places) == ids)


def id_hashes(parts: list[object]) -> Ints:
    """Return a hash of each part, never 0, stable within this process."""
    return without_zero(np.fromiter(map(hash, parts), np.int64, len(parts)))


def without_zero(hashes: Ints) -> Ints:
    hashes[hashes == 0] = 1
    return hashes


def request_hashes(ids: Sequence[str], attempts: Sequence[int | None]) -> Ints:
    """Return a hash of the request and attempt of each, (n,)."""
    requests: list[object] = [*ids]
    if attempts.count(None) < len(attempts):
        requests = [
            request if attempt is None else (request, attempt) for request, attempt in zip(ids, attempts, strict=True)
        ]
    return id_hashes(requests)


def feedback_hashes(items: Sequence[Feedback]) -> Ints:
    """Return a hash of each item's request, kind, name, source, and whether a complaint had it judged, (n,)."""
    return id_hashes(
        [(each.request_id, each.kind, each.name or "", each.source or "", each.sample == REPORTED) for each in items]
    )


def ids_of(requests: Ints, named: Sequence[tuple[Ints, list[str]]]) -> Ints:
    """Return ids of items, (n,), never 0: hashes of their requests, with model and version.

    `named` are the numbers of each item's model and version, with the names they stand for. One request may be answered
    by several models, or for a comparison by two versions.
    """
    return _of_version(requests.copy(), named)


def criterion_ids(items: Sequence[Feedback], named: Sequence[tuple[Ints, list[str]]]) -> Ints:
    """Return ids of the criterion and request that each feedback is about, whatever its source, (n,)."""
    return _of_version(id_hashes([(each.request_id, each.kind, each.name or "") for each in items]), named)


def _of_version(hashes: Ints, named: Sequence[tuple[Ints, list[str]]]) -> Ints:
    for part, (numbers, names) in enumerate(named):
        hashes ^= id_hashes([(part, name) for name in names])[numbers]
    return without_zero(hashes)
