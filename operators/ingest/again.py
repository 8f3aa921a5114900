"""Items that were dropped after they were read: the few that are needed again are decoded a second time."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.formats.origin import Origin
from operators.ingest.lines import Lines
from operators.ingest.usable import UNDECODABLE
from operators.wire.events import Id, Text


class ShownFields(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The fields of `Event` that people are shown, besides its slices."""

    request_id: Id
    prompt_version: Text | None = None
    endpoint: Text | None = None
    team: Text | None = None


_shown_fields = msgspec.json.Decoder(ShownFields).decode


class DecodedAgain:
    """The events of `origin` at `rows` (n,), each decoded again whenever it is read.

    All items of thousands of messages together fill the processor's caches many times over: keeping them until they are
    placed costs as much as decoding them.
    """

    def __init__(self, decode: Callable[[bytes], Any], origin: Origin, rows: Ints) -> None:
        self._decode, self._origin, self._rows = decode, origin, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Any:
        return self._decode(self._origin.text(int(self._rows[row])))

    def shown(self, rows: Ints) -> list[Any]:
        """Return the items at rising `rows`, with the fields that people are shown, or whole."""
        if self._origin.item_of is not None:
            return [self[row] for row in rows.tolist()]
        # One item per message: its text is the whole message.
        messages, values = self._origin.messages_of[self._rows[rows]], self._origin.messages.values
        texts = values.pick(messages) if isinstance(values, Lines) else [values[at] for at in messages.tolist()]
        return list(map(self._shown, texts, rows.tolist()))

    def _shown(self, text: bytes, row: int) -> Any:
        try:
            return _shown_fields(text)
        except UNDECODABLE:
            return self[row]  # The message has more than the item, or part of the item cannot be used.


Items = Sequence[Any] | DecodedAgain


def some_of(items: Items, rows: Ints) -> Items:
    """Return the items at `rows`."""
    if isinstance(items, DecodedAgain):
        return DecodedAgain(items._decode, items._origin, items._rows[rows])
    return [items[row] for row in rows.tolist()]


def shown_of(items: Items, rows: Ints) -> dict[int, Any]:
    """Return the items at `rows` by row, each once, with the fields that people are shown."""
    asked = np.zeros(len(items), bool)
    asked[rows] = True
    rows = asked.nonzero()[0]
    places = rows.tolist()
    some = items.shown(rows) if isinstance(items, DecodedAgain) else [items[row] for row in places]
    return dict(zip(places, some, strict=True))
