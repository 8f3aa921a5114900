"""Items that were dropped once they had been read: the few that are needed again are decoded a second time."""

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
    """What people are shown of an event, beside its slices: fields of `Event`."""

    request_id: Id
    prompt_version: Text | None = None
    endpoint: Text | None = None
    team: Text | None = None


_shown_fields = msgspec.json.Decoder(ShownFields).decode


class DecodedAgain:
    """The events of `origin` that stand at `rows` (n,), each made anew whenever it is asked for.

    All items of thousands of messages together fill the processor's caches many times over: to keep them until they are
    placed costs as much as to decode them.
    """

    def __init__(self, decode: Callable[[bytes], Any], origin: Origin, rows: Ints) -> None:
        self._decode, self._origin, self._rows = decode, origin, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Any:
        return self._decode(self._origin.text(int(self._rows[row])))

    def shown(self, rows: Ints) -> list[Any]:
        """Return some of the items, whose rows rise, with the fields that people are shown, or whole."""
        if self._origin.item_of is not None:
            return [self[row] for row in rows.tolist()]
        # One item a message: its text is all of the message.
        messages, values = self._origin.messages_of[self._rows[rows]], self._origin.messages.values
        texts = values.pick(messages) if isinstance(values, Lines) else [values[at] for at in messages.tolist()]
        return list(map(self._shown, texts, rows.tolist()))

    def _shown(self, text: bytes, row: int) -> Any:
        try:
            return _shown_fields(text)
        except UNDECODABLE:
            return self[row]  # A message with something beside the item, or an item of which some cannot be used.


Items = Sequence[Any] | DecodedAgain


def some_of(items: Items, rows: Ints) -> Items:
    """Return those of the items that stand at `rows`."""
    if isinstance(items, DecodedAgain):
        return DecodedAgain(items._decode, items._origin, items._rows[rows])
    return [items[row] for row in rows.tolist()]


def shown_of(items: Items, rows: Ints) -> dict[int, Any]:
    """Return those of the items that stand at `rows` by row, each once, with the fields that people are shown."""
    asked = np.zeros(len(items), bool)
    asked[rows] = True
    rows = asked.nonzero()[0]
    places = rows.tolist()
    some = items.shown(rows) if isinstance(items, DecodedAgain) else [items[row] for row in places]
    return dict(zip(places, some, strict=True))
