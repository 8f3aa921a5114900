"""A chunk of a partition: its items, split by stream; and what is collected of all chunks of a batch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.again import DecodedAgain, Items, some_of
from operators.ingest.believed import faults_of_times
from operators.ingest.columns import times_of
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.format import Decoded, ItemDecoder, Stream
from operators.ingest.formats.origin import Reject, joined_origins
from operators.ingest.lines import lengths_of
from operators.ingest.messages import Messages
from operators.ingest.passed import Passed
from operators.ingest.placing import Placed, Reasons
from operators.ingest.streams.stream import PlacedItems, StreamBatch
from operators.policy.policy import Policy

PIECE = 512  # Messages decoded and read at once, ...
PIECE_BYTES = 1 << 18  # ... or fewer, up to so many bytes.


class TakenChunks:
    """What is collected of one batch of messages, chunk by chunk; `newest` is the partition's time before the batch."""

    def __init__(self, streams: Mapping[Stream, StreamBatch], newest: int) -> None:
        self.streams, self.newest = streams, newest
        self.times: list[EventTimes] = []
        self.passed: list[Passed] = []
        self.rejects: list[Reject] = []
        self.unusable: Counter[str] = Counter()
        self.unread: set[str] = set()
        self.duplicates = 0

    def add(self, chunk: "Chunk", placed: Placed, start: int) -> None:
        """Take the placed items of a chunk whose first message is number `start`."""
        self.unusable.update(chunk.origin.unusable)
        self.unread.update(chunk.unread)
        self.times.append(placed.times)
        self.passed.append(msgspec.structs.replace(placed.passed, step=placed.passed.step + start))
        self.rejects += _in_order([*chunk.rejects, *placed.rejects])
        self.duplicates += placed.duplicates


class Chunk:
    """The items of some messages, split by stream: `origin` is where they came from, `times` (n,) are their times.

    `rejects` are items that could not be read. Where no stream needs its items after they are read, messages are
    decoded piece by piece, so that the items of one piece make room for the next.
    """

    def __init__(
        self, messages: Messages, decoder: ItemDecoder, stream: Stream, streams: Mapping[Stream, StreamBatch]
    ) -> None:
        self._streams, self._named = streams, stream
        self._items: dict[Stream, Items] = {}
        self._index: dict[Stream, Ints] = {}
        if decoder.again is None or any(batch.needs_items for batch in streams.values()):
            decoded = decoder.decode(messages)
            self.times = times_of([item.ts for item in decoded.items])
            self.origin, self.rejects, self.unread = decoded.origin, decoded.rejects, decoded.unread
            self._read(decoded)
            return
        scanned = next(iter(streams.values())).scan(messages, decoder) if len(streams) == 1 else None
        if scanned is None:
            self._decode(messages, decoder)
        else:
            self.times, self.origin = scanned.times, scanned.origin
            self.rejects, self.unread = scanned.rejects, scanned.unread
        every = np.arange(len(self.times))
        for each in streams:
            self._items[each] = DecodedAgain(decoder.again, self.origin, every)
            self._index[each] = every

    def _decode(self, messages: Messages, decoder: ItemDecoder) -> None:
        pieces, times = [], []
        for start, some in pieces_of(messages):
            piece = decoder.decode(some)
            times.append(times_of([item.ts for item in piece.items]))
            for batch in self._streams.values():
                batch.read(piece.items)
            pieces.append((start, msgspec.structs.replace(piece, items=())))
        self.times = np.concatenate(times)
        self.origin = joined_origins(messages, [(start, piece.origin) for start, piece in pieces])
        self.rejects = [reject for _, piece in pieces for reject in piece.rejects]
        self.unread = [name for _, piece in pieces for name in piece.unread]

    def _read(self, decoded: Decoded) -> None:
        names = np.array(decoded.streams)
        for each, batch in self._streams.items():
            if not decoded.streams and each == self._named:
                items, index = decoded.items, np.arange(len(self.times))
            else:
                index = np.flatnonzero(names == each)
                items = [decoded.items[place] for place in index.tolist()]
            self._items[each], self._index[each] = batch.read(items), index

    def reasons(self, policy: Policy) -> Reasons:
        """Return why items are refused whatever the partition's time is."""
        found = faults_of_times(self.times, self.origin, policy)
        for stream, batch in self._streams.items():
            faults = batch.faults(self._items[stream], self._index[stream], self.origin, found)
            found = {**faults, **found}
        return found

    def ids(self) -> Ints | None:
        """Return the hash that identifies each item, 0 where it cannot be a duplicate; None where none can be."""
        found = {stream: batch.ids() for stream, batch in self._streams.items()}
        ids = np.zeros(len(self.times), np.int64)
        for stream, each in found.items():
            if each is not None:
                ids[self._index[stream]] = each
        return ids if ids.any() else None

    def criteria(self) -> Ints | None:
        """Return a hash of the request and criterion that each item judges, 0 where it judges none; None: none does."""
        found = {stream: batch.criteria() for stream, batch in self._streams.items()}
        if all(each is None for each in found.values()):
            return None
        ids = np.zeros(len(self.times), np.int64)
        for stream, each in found.items():
            if each is not None:
                ids[self._index[stream]] = each
        return ids

    def hand_on(self, placed: Placed, reached: int) -> None:
        """Give each stream its own items, now that they are placed; `reached` is the time the log has reached."""
        row = np.cumsum(placed.keep) - 1
        for stream, batch in self._streams.items():
            index = self._index[stream]
            keep = placed.keep[index]
            items = self._items[stream]
            rejects = placed.rejects if len(self._streams) == 1 else self._refused(index, placed.rejects)
            batch.take(
                PlacedItems(
                    items=items if keep.all() else some_of(items, np.flatnonzero(keep)),
                    index=index,
                    keep=keep,
                    times=placed.times if len(self._streams) == 1 else placed.times.of(row[index[keep]]),
                    repeated=None if placed.repeated is None else placed.repeated[row[index[keep]]],
                    origin=self.origin,
                    # An unreadable item counts for the stream that the input is named for.
                    rejects=_in_order([*(self.rejects if stream == self._named else ()), *rejects]),
                    reached=reached,
                )
            )

    def _refused(self, index: Ints, rejects: Sequence[Reject]) -> list[Reject]:
        places = {self.origin.place(place) for place in index.tolist()} if rejects else set()
        return [reject for reject in rejects if (reject.position, reject.item) in places]


def pieces_of(messages: Messages) -> Iterator[tuple[int, Messages]]:
    """Yield pieces of messages whose items fit the processor's caches, each with the number of its first message."""
    start, before = 0, 0
    ends = np.cumsum(lengths_of(messages.values))
    while start < len(messages):
        few = int(np.searchsorted(ends, before + PIECE_BYTES, "right")) + 1
        stop = min(start + PIECE, few, len(messages))
        yield start, messages.part(start, stop)
        start, before = stop, int(ends[stop - 1])


def _in_order(rejects: Sequence[Reject]) -> list[Reject]:
    """Return rejects in the order of the log, whatever the batches."""
    return sorted(rejects, key=attrgetter("position", "item"))
