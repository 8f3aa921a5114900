"""Events and feedback: columns, chunk by chunk, then rows by shard and pane."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.columns import ColumnsBuilder
from operators.ingest.duplicates import ids_of
from operators.ingest.event_times import EventTimes, joined_times
from operators.ingest.formats.format import Stream
from operators.ingest.placing import Kept
from operators.ingest.shown import shown
from operators.ingest.streams.stream import PlacedItems
from operators.ingest.summarise import summarise
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.window.partial import Partial
from operators.window.samples import Sample
from operators.window.shards import shard_of
from operators.window.waiting_commands import Coming


class CountedItems(ABC):
    """The counted items of one stream; `add` is what differs between streams."""

    def __init__(self, stream: Stream, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self._policy = policy
        self.unusable: Counter[str] = Counter()
        self.builder = ColumnsBuilder(stream, policy, pseudonyms)
        self.repeated: Kept | None = None  # Of the chunk that is taken.
        self._parts: list[Ints] = []  # Of the chunk that was read: numbers of its models, versions, slices.
        self._times: list[EventTimes] = []
        self._samples: list[tuple[int, Sample]] = []

    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        self._parts = self.builder.parts(items)
        return items

    def ids(self, items: Sequence[Any]) -> Ints | None:
        if not self._policy.dedup.horizon_ms or not items:
            return None
        return ids_of(items, [(self._parts[part], self.builder.names(part)) for part in (0, 1)])

    def criteria(self, items: Sequence[Any]) -> Ints | None:
        return None

    @abstractmethod
    def add(self, items: Sequence[Any], times: EventTimes, parts: Sequence[Ints]) -> None:
        """Take the kept items of a chunk."""

    def take(self, placed: PlacedItems) -> None:
        self.repeated = placed.repeated
        parts = self._parts if placed.keep.all() else [part[placed.keep] for part in self._parts]
        self.add(placed.items, placed.times, parts)
        if placed.items:
            before = sum(len(times.pane) for times in self._times)
            found = shown(placed.items, self.builder.last(), placed.times, parts, self._policy)
            self._samples += [(before + row, sample) for row, sample in found]
        self._times.append(placed.times)

    def partials(self) -> list[tuple[int, int, Partial]]:
        columns = msgspec.structs.replace(self.builder.build(), samples=self._samples)
        shards = np.array([shard_of(name.model) for name in columns.names], np.int64)
        return summarise(columns, joined_times(self._times), shards, self._policy)

    def commands(self) -> list[tuple[int, int, Coming]]:
        return []
