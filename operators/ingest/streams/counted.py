"""Events and feedback: collected in columns, chunk by chunk, then summed up in rows by shard and pane."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from operators.arrays import Ints
from operators.ingest.columns import ColumnsBuilder
from operators.ingest.duplicates import ids_of
from operators.ingest.event_times import EventTimes, joined_times
from operators.ingest.formats.format import ItemDecoder, Stream
from operators.ingest.known_series import KnownSeries
from operators.ingest.messages import Messages
from operators.ingest.parts import VERSION
from operators.ingest.read_events import ScannedReads
from operators.ingest.shown import Showable, shown
from operators.ingest.shown_before import ShownBefore
from operators.ingest.streams.stream import PlacedItems
from operators.ingest.streams.team_versions import TeamVersions
from operators.ingest.summarise import summarise
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.stats.multiple_testing import Bools
from operators.window.leaf_index import by_model
from operators.window.partial import Partial
from operators.window.samples import Sample
from operators.window.shards import home_of
from operators.window.waiting_commands import Coming


class CountedItems(ABC):
    """The counted items of one stream; how they are read, and become columns, differs between streams."""

    def __init__(self, stream: Stream, policy: Policy, pseudonyms: Pseudonyms) -> None:
        self._policy = policy
        self.unusable: Counter[str] = Counter()
        self.versions: TeamVersions | None = None  # For items of several policies.
        self.shown_before = ShownBefore()  # In earlier batches, where these are known.
        self.builder = ColumnsBuilder(stream, policy, pseudonyms)
        self._times: list[EventTimes] = []
        self._samples: list[tuple[int, Sample]] = []

    def name_by(self, known: KnownSeries) -> None:
        """Number series as in earlier batches."""
        self.builder.parts.known = known

    @abstractmethod
    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        """Note the next items of the chunk, and return them completed with what else is known."""

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        return None

    def criteria(self) -> Ints | None:
        return None

    @abstractmethod
    def requests(self) -> Ints:
        """Return the request hashes of the items that were read (`duplicates.py`)."""

    @abstractmethod
    def parts(self) -> Sequence[Ints]:
        """Return the numbers of the items' models, versions and slices."""

    @abstractmethod
    def add(self, placed: PlacedItems) -> tuple[Sequence[Ints], Bools]:
        """Take the kept items; return their parts, and which of them name a prompt or endpoint."""

    def ids(self) -> Ints | None:
        if not self._policy.dedup.horizon_ms or not len(self.parts()[0]):
            return None
        return ids_of(self.requests(), self.named())

    def named(self) -> list[tuple[Ints, list[str]]]:
        """Return the models and versions that are part of items' ids, as numbers, and the names these stand for."""
        parts, models, versions = self.parts(), *(self.builder.parts.names(part) for part in (0, VERSION))
        if self.versions is not None:
            return self.versions.named(parts, models, versions)
        return [(parts[0], models), (parts[VERSION], versions)]

    def take(self, placed: PlacedItems) -> None:
        parts, lineage = self.add(placed)
        if len(parts[0]):
            before = sum(len(times.pane) for times in self._times)
            chosen = Showable(
                items=placed.items,
                columns=self.builder.last(),
                parts=parts,
                lineage=lineage,
                names=[self.builder.parts.names(part) for part in range(len(parts))],
                before=self.shown_before,
            )
            self._samples += shown(chosen, placed.times, self._policy, before)
        self._times.append(placed.times)

    def partials(self) -> list[tuple[int, int, Partial]]:
        return self.partials_by(lambda model: home_of(model, self._policy))

    def partials_by(self, shard: Callable[[str], int]) -> list[tuple[int, int, Partial]]:
        """Return (shard, closing pane, rows) of all that was taken, where `shard` maps a model to its shard."""
        columns = msgspec.structs.replace(self.builder.build(), samples=self._samples)
        return summarise(columns, joined_times(self._times), by_model(columns.names, shard), self._policy)

    def commands(self) -> list[tuple[int, int, Coming]]:
        return []
