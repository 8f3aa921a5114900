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
    """The items of one stream in a chunk: `index` (n,) is where each stands in `origin`, `keep` (n,) which are kept.

    `items` and `times` are of the kept ones, and `repeated` says of which a criterion of the request was judged before,
    None: of none. `rejects` are those that were refused. `reached` is the time that the log has come to with this
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
        """Of how many items each optional field was left out, beside what the format left out."""

    @property
    def feedback(self) -> Sequence[Feedback]:
        """The feedback that was kept, to be stored item by item."""

    @property
    def needs_items(self) -> bool:
        """Whether it needs the items that it read once they are placed; else they are read piece by piece."""

    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        """Take note of the next items of the chunk, and return them with what is known of them besides."""

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        """Read the next items without decoding them; None where they have to be decoded."""

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        """Return why some of the items that were read are refused, by `index`; those in `known` are already."""

    def ids(self) -> Ints | None:
        """Return what tells the items that were read apart, none of them 0; None where none can be a duplicate."""

    def criteria(self) -> Ints | None:
        """Return which criterion of which request each item that was read judges, 0 where none; None: nobody asks."""

    def take(self, placed: PlacedItems) -> None:
        """Take the items that were read, now that they are placed."""

    def partials(self) -> Sequence[tuple[Any, ...]]:
        """Return (shard, closing pane, rows) of all that was taken; of several policies with its number before."""

    def commands(self) -> list[tuple[int, int, Coming]]:
        """Return (shard, closing pane, command or refusal) of all that was taken."""
