"""Events: refused only for their names, and counted."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.again import Items
from operators.ingest.formats.format import EventScan, ItemDecoder
from operators.ingest.formats.origin import Origin
from operators.ingest.messages import Messages
from operators.ingest.numbering import Numbering
from operators.ingest.placing import Kept, Reasons
from operators.ingest.read_events import ReadEvents, ScannedReads, joined_reads
from operators.ingest.streams.counted import CountedItems
from operators.ingest.streams.stream import PlacedItems
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.stats.multiple_testing import Bools
from operators.wire.events import Event, Feedback


class EventItems(CountedItems):
    """The events of one batch. Where no fields are watched, events are freed as soon as they are read."""

    feedback: Sequence[Feedback] = ()

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, scan: EventScan | None = None) -> None:
        super().__init__("events", policy, pseudonyms)
        self._scan = scan
        self._reads: list[ReadEvents] = []  # Those of the chunk.

    @property
    def needs_items(self) -> bool:
        return self.builder.watches

    def read(self, items: Sequence[Event]) -> Sequence[Event]:
        self._reads.append(self.builder.reader.read(items))
        return items

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        scanned = None if self._scan is None else self._scan(messages, decoder, self.builder.reader)
        if scanned is not None:
            self._reads.append(scanned.read)
        return scanned

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        return {int(index[row]): fault for row, fault in self._read().faults.items()}

    def requests(self) -> Ints:
        return self._read().requests

    def parts(self) -> Sequence[Ints]:
        return self._read().parts

    def kept(self, keep: Kept) -> ReadEvents:
        """Return the kept ones among the events that were read, and free them all."""
        read = self._read()
        self._reads = []
        return read if keep.all() else read.of(np.flatnonzero(keep))

    def take_read(self, read: ReadEvents, parts: Sequence[Numbering], error_types: Numbering) -> None:
        """Note the next events, which were read before: `parts` and `error_types` numbered their names."""
        self.builder.parts.indices, self.builder.error_types = list(parts), error_types
        self._reads.append(read)

    def add(self, placed: PlacedItems) -> tuple[Sequence[Ints], Bools]:
        kept = self.kept(placed.keep)
        self.builder.add_events(kept, placed.items, placed.times)
        return kept.parts, kept.lineage

    def _read(self) -> ReadEvents:
        self._reads = [joined_reads(self._reads)]
        return self._reads[0]
