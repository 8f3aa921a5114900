"""A chunk of a partition: its items, told apart by stream; and what is collected of all chunks of a batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.believed import faults_of_times
from operators.ingest.columns import times_of
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.format import Decoded, Stream
from operators.ingest.formats.origin import Reject
from operators.ingest.passed import Passed
from operators.ingest.placing import Placed, Reasons
from operators.ingest.streams.stream import PlacedItems, StreamBatch
from operators.policy.policy import Policy


class TakenChunks:
    """What is collected of one batch of messages, chunk by chunk; `newest` is the partition's time before it."""

    def __init__(self, streams: Mapping[Stream, StreamBatch], newest: int) -> None:
        self.streams, self.newest = streams, newest
        self.times: list[EventTimes] = []
        self.passed: list[Passed] = []
        self.rejects: list[Reject] = []
        self.unusable: Counter[str] = Counter()
        self.unread: set[str] = set()
        self.duplicates = 0

    def add(self, decoded: Decoded, placed: Placed, start: int) -> None:
        """Take what became of the items of a chunk whose first message is number `start`."""
        self.unusable.update(decoded.origin.unusable)
        self.unread.update(decoded.unread)
        self.times.append(placed.times)
        self.passed.append(msgspec.structs.replace(placed.passed, step=placed.passed.step + start))
        self.rejects += _in_order([*decoded.rejects, *placed.rejects])
        self.duplicates += placed.duplicates


class Chunk:
    """Some decoded items, told apart by stream: `index` is where those of each stand."""

    def __init__(self, decoded: Decoded, stream: Stream, streams: Mapping[Stream, StreamBatch]) -> None:
        self._decoded, self._streams = decoded, streams
        self._named = stream
        self.times = times_of([item.ts for item in decoded.items])
        self._items: dict[Stream, Sequence[Any]] = {}
        self._index: dict[Stream, Ints] = {}
        names = np.array(decoded.streams)
        for each, batch in streams.items():
            if not decoded.streams and each == stream:
                items, index = decoded.items, np.arange(len(self.times))
            else:
                index = np.flatnonzero(names == each)
                items = [decoded.items[place] for place in index.tolist()]
            self._items[each], self._index[each] = batch.read(items), index

    def reasons(self, policy: Policy) -> Reasons:
        """Return why items are refused whatever the partition's time is."""
        found = faults_of_times(self.times, self._decoded.origin, policy)
        for stream, batch in self._streams.items():
            faults = batch.faults(self._items[stream], self._index[stream], self._decoded.origin, found)
            found = {**faults, **found}
        return found

    def ids(self) -> Ints | None:
        """Return what tells the items apart, 0 where one cannot be a duplicate; None where none can."""
        found = {stream: batch.ids(self._items[stream]) for stream, batch in self._streams.items()}
        ids = np.zeros(len(self.times), np.int64)
        for stream, each in found.items():
            if each is not None:
                ids[self._index[stream]] = each
        return ids if ids.any() else None

    def criteria(self) -> Ints | None:
        """Return what tells apart which criterion of which request is judged, 0 where none is; None: nowhere."""
        found = {stream: batch.criteria(self._items[stream]) for stream, batch in self._streams.items()}
        if all(each is None for each in found.values()):
            return None
        ids = np.zeros(len(self.times), np.int64)
        for stream, each in found.items():
            if each is not None:
                ids[self._index[stream]] = each
        return ids

    def hand_on(self, placed: Placed, reached: int) -> None:
        """Give each stream its own items, now that they are placed; `reached` is the time that the log has come to."""
        row = np.cumsum(placed.keep) - 1
        for stream, batch in self._streams.items():
            index = self._index[stream]
            keep = placed.keep[index]
            items = self._items[stream]
            rejects = placed.rejects if len(self._streams) == 1 else self._refused(index, placed.rejects)
            batch.take(
                PlacedItems(
                    items=items if keep.all() else [items[at] for at in np.flatnonzero(keep).tolist()],
                    index=index,
                    keep=keep,
                    times=placed.times if len(self._streams) == 1 else placed.times.of(row[index[keep]]),
                    repeated=None if placed.repeated is None else placed.repeated[row[index[keep]]],
                    origin=self._decoded.origin,
                    # What is of no stream, as it could not be read, is of the one that the input is named for.
                    rejects=_in_order([*(self._decoded.rejects if stream == self._named else ()), *rejects]),
                    reached=reached,
                )
            )

    def _refused(self, index: Ints, rejects: Sequence[Reject]) -> list[Reject]:
        places = {self._decoded.origin.place(place) for place in index.tolist()} if rejects else set()
        return [reject for reject in rejects if (reject.position, reject.item) in places]


def _in_order(rejects: Sequence[Reject]) -> list[Reject]:
    """Return rejects in the order of the log, whatever the batches."""
    return sorted(rejects, key=attrgetter("position", "item"))
