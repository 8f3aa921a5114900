"""Typed items to the columns of watched fields: numbers and bins, and the values that break a contract.

Where nothing is watched, nothing is read. Items are read in views: the sampled share of one model's items or of one
kind of feedback.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.ingest.calibrated import calibrated
from operators.ingest.embeddings import embedding_bins
from operators.ingest.fields import FEEDBACK, LATENCIES, READERS
from operators.ingest.offending import ChunkContext, offenders_in
from operators.ingest.sampling import sampled
from operators.ingest.users import NOBODY, buckets_of
from operators.policy.monitors import CALIBRATION, Offender, Watched
from operators.policy.policy import Policy
from operators.profiles.binning import Value, category_bins, numbers_of
from operators.profiles.residual import residuals
from operators.pseudonyms import Pseudonyms
from operators.wire.events import UNFAIR, UNUSABLE, Event, Feedback

Items = Sequence[Event] | Sequence[Feedback]
Column = Floats | Ints
MAPS = ("features", "metrics")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Watched fields of the same items: their places in the batch, None for all, and columns by index of the field.

    The column of a number holds floats, NaN where it is missing and infinity where it is text; others hold bins.
    """

    rows: Ints | None
    columns: dict[int, Column]


class WatchedColumns(msgspec.Struct, frozen=True, kw_only=True):
    """The views of a batch, and the first offenders of each pane and version with their places in it.

    `users` (n,) are the buckets of the users of the items that are read, NOBODY for others; None where there are none.
    """

    views: Sequence[View] = ()
    offenders: Sequence[tuple[int, Offender]] = ()
    users: Ints | None = None


class _Chunk(NamedTuple):
    rows: Ints | None
    columns: dict[int, Column]
    size: int


class WatchedBuilder:
    """Collects the columns of the watched fields of one stream chunk by chunk."""

    def __init__(self, *, on_feedback: bool, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self._kept = None if policy.privacy.values == "full" else pseudonyms
        self._sampling = policy.sampling
        self._views: dict[tuple[str | None, str], list[tuple[int, Watched]]] = {}
        for index, watched in enumerate(policy.watched):
            if watched.on_feedback == on_feedback:
                kind = _feedback_kind(watched.name) if on_feedback else ""
                self._views.setdefault((watched.model, kind), []).append((index, watched))
        self._chunks: dict[tuple[str | None, str], list[_Chunk]] = {key: [] for key in self._views}
        self._offenders: list[tuple[int, Offender]] = []
        self._of_events = not on_feedback
        self._users: list[tuple[int, Ints]] = []  # Each with the place of the chunk's first item.
        self._size = 0

    @property
    def fields(self) -> int:
        """The number of watched fields of this stream."""
        return sum(map(len, self._views.values()))

    def add(self, items: Items, place: ChunkContext) -> None:
        """Take some items; `place` says where they belong in time."""
        read = sampled(items, self._sampling)
        for (model, kind), fields in self._views.items():
            rows = _rows(items, read, model, kind)
            chosen = items if rows is None else cast(Items, [items[row] for row in rows.tolist()])
            reader = ValueReader(chosen)
            columns = {}
            for index, watched in fields:
                values = reader.watched(watched)
                columns[index] = _column(watched, values)
                if watched.contract:
                    for row, offender in offenders_in(
                        index, watched, columns[index], values, place.at(rows), self._kept
                    ):
                        self._offenders.append((row + self._size, offender))
            where = None if rows is None else rows + self._size
            self._chunks[model, kind].append(_Chunk(where, columns, len(items)))
        if self._of_events and (users := _users(cast(Sequence[Event], items), read)) is not None:
            self._users.append((self._size, users))
        self._size += len(items)

    def build(self) -> WatchedColumns:
        """Return the columns of everything added, in order."""
        views = [_joined(chunks) for chunks in self._chunks.values() if chunks]
        users = None
        if self._users:
            users = np.full(self._size, NOBODY, np.int64)
            for first, some in self._users:
                users[first : first + len(some)] = some
        return WatchedColumns(views=views, offenders=self._offenders, users=users)


class ValueReader:
    """Reads fields of some items as columns of values; a value that an item lacks is None."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._maps: dict[str, Sequence[Mapping[str, Any] | None]] = {}

    def watched(self, watched: Watched) -> Sequence[Any]:
        """Return the values of a watched field; those of the residual are made of features."""
        if watched.field is None or watched.field.components is UNSET:
            return self.values(watched.name)
        components = watched.field.components
        return residuals(components, [self.values(name) for name in components.names])

    def values(self, name: str) -> Sequence[Any]:
        """Return the values of a watched field; embeddings are undecoded."""
        kind, _, rest = name.partition(".")
        if name == CALIBRATION:
            return calibrated(cast(Sequence[Feedback], self._items))
        if kind == "feedback":
            return [_scalar(item.value) for item in cast(Sequence[Feedback], self._items)]
        if kind in MAPS:
            return self._named(kind, rest)
        events = cast(Sequence[Event], self._items)
        if kind == "flags":
            return [_flag(rest, event.flags or ()) for event in events]
        values = READERS[name](events)
        if name in LATENCIES:  # A failed event's latency of zero counts as absent.
            return [
                None if value == 0 and event.error_type else value for value, event in zip(values, events, strict=True)
            ]
        return values

    def _named(self, kind: str, name: str) -> Sequence[Value]:
        if kind not in self._maps:
            self._maps[kind] = READERS[kind](cast(Sequence[Event], self._items))
        try:
            return list(map(itemgetter(name), cast(Sequence[Mapping[str, Any]], self._maps[kind])))
        except (KeyError, TypeError):
            return [None if known is None else known.get(name) for known in self._maps[kind]]


def _feedback_kind(field: str) -> str:
    return "label" if field == CALIBRATION else field.removeprefix(FEEDBACK)


def _flag(name: str, flags: Sequence[str]) -> float | None:
    return 1.0 if name in flags else None if UNUSABLE in flags else 0.0


def _scalar(value: str | float | None) -> Value:
    """Return a value with booleans as numbers, as in the reference."""
    return float(value) if isinstance(value, bool) else value


def _column(watched: Watched, values: Sequence[Any]) -> Column:
    if watched.centroids is not None:
        return embedding_bins(watched.centroids, values)
    if watched.is_number:
        return numbers_of(values) + 0.0  # So that there is no negative zero.
    return category_bins(watched.field.categories if watched.field else (), values)


def _rows(items: Items, read: Ints | None, model: str | None, kind: str) -> Ints | None:
    """Return which of the items a view is about, None for all; feedback whose sample is UNFAIR is left out."""
    if model is None and not kind:
        return read
    rows = range(len(items)) if read is None else read.tolist()
    if kind:
        feedback = cast(Sequence[Feedback], items)
        rows = [row for row in rows if feedback[row].kind == kind and feedback[row].sample not in UNFAIR]
    if model is not None:
        rows = [row for row in rows if items[row].model == model]
    return np.array(rows, np.int64)


def _users(events: Sequence[Event], read: Ints | None) -> Ints | None:
    """Return the bucket of each event's user, NOBODY for events that are not read."""
    found = buckets_of(events)
    if found is None or read is None:
        return found
    of_read = np.full(len(found), NOBODY, np.int64)
    of_read[read] = found[read]
    return of_read


def _joined(chunks: Sequence[_Chunk]) -> View:
    columns = {index: np.concatenate([chunk.columns[index] for chunk in chunks]) for index in chunks[0].columns}
    if all(chunk.rows is None for chunk in chunks):
        return View(rows=None, columns=columns)
    # Chunks may differ in whether all of their items are read.
    rows, start = [], 0
    for chunk in chunks:
        rows.append(np.arange(start, start + chunk.size) if chunk.rows is None else chunk.rows)
        start += chunk.size
    return View(rows=np.concatenate(rows), columns=columns)
