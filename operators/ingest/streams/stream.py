"""What a stream does with the items of one batch of messages: which it refuses, and what it makes of those placed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from operators.arrays import Ints
from operators.ingest.again import Items
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.format import ItemDecoder
from operators.ingest.formats.origin import Origin, Reject
from operators.ingest.messages import Messages
from operators.ingest.placing import Kept, Reasons
from operators.ingest.read_events import ScannedReads
from operators.window.waiting_commands import Coming
from operators.wire.events import Feedback


class PlacedItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items of one stream in a chunk: `index` (n,) are their places in `origin`, `keep` (n,) marks the kept ones.

    `items` and `times` are those of the kept ones; `repeated` marks those whose criterion of the request was judged
    before, None: no item. `rejects` are the refused ones. `reached` is the time that the log has reached with this
    chunk, Unix ms.
    """

    items: Items
    index: Ints
    keep: Kept
    times: EventTimes
    origin: Origin
    rejects: Sequence[Reject]
    reached: int
    repeated: Kept | None = None


class StreamBatch(Protocol):
    """The items of one stream over one batch of messages, taken chunk by chunk."""

    @property
    def unusable(self) -> Counter[str]:
        """How many items each optional field was left out of, besides those that the format counted."""

    @property
    def feedback(self) -> Sequence[Feedback]:
        """The feedback that was kept, to be stored item by item."""

    @property
    def needs_items(self) -> bool:
        """Whether the stream needs its items again once they are placed; otherwise they are read piece by piece."""

    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        """Note the next items of the chunk, and return them completed with what else is known about them."""

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        """Read the next items without decoding them; None where they have to be decoded."""

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        """Return why items that were read are refused, by `index`; those in `known` are refused already."""

    def ids(self) -> Ints | None:
        """Return ids of the items that were read, never 0; None where none can be a duplicate."""

    def criteria(self) -> Ints | None:
        """Return an id of the request and criterion that each item read judges, 0 for none; None if not needed."""

    def take(self, placed: PlacedItems) -> None:
        """Take the items that were read, now that they are placed."""

    def partials(self) -> Sequence[tuple[Any, ...]]:
        """Return (shard, closing pane, rows) of all that was taken; with several policies, each after its number."""

    def commands(self) -> list[tuple[int, int, Coming]]:
        """Return (shard, closing pane, command or refusal) of all that was taken."""
