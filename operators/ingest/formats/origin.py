"""Where items came from, and rejects: the same for all formats."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.ingest.messages import Messages
from operators.window.watermark import NEVER

REFUSED_TIMES = 8  # The texts of a message's rejects together have at most so many times its size.


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An item refused: `position` of its message in the source, `item` within it, and its original bytes."""

    position: int
    item: int
    reason: str
    detail: str
    value: bytes


class ItemTexts(msgspec.Struct, kw_only=True):
    """The texts of one message's items; another message is `split` only when it is asked for.

    Items are asked for in order, and an array may hold thousands: splitting it for each would take quadratic time.
    """

    split: Callable[[bytes], Sequence[bytes]]
    index: int = -1
    texts: Sequence[bytes] = ()
    refused: Counter[int] = msgspec.field(default_factory=Counter)

    def of(self, messages: Messages, index: int) -> Sequence[bytes]:
        """Return the texts of message `index`."""
        if index != self.index:
            self.index, self.texts = index, self.split(messages.values[index])
        return self.texts

    def refuse(self, messages: Messages, index: int, item: int) -> bytes:
        """Return the text of an item of message `index` for its reject; b"" where earlier ones took all the room.

        What items share is in the message once, but in the text of each of them.
        """
        if self.refused[index] > REFUSED_TIMES * len(messages.values[index]):
            return b""
        text = self.of(messages, index)[item]
        self.refused[index] += len(text)
        return text


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where decoded items came from: the message and place of each, and its bytes for a later reject.

    `unusable` counts, by optional field, the items it was left out of, in part or whole.
    """

    messages: Messages
    message_of: Sequence[int]
    item_of: Sequence[int] | None = None  # None: one item per message.
    texts: ItemTexts
    unusable: Mapping[str, int] = {}

    @property
    def messages_of(self) -> NDArray[np.int64]:
        """The index of each item's message."""
        return ints_of(self.message_of)

    @property
    def received_ms(self) -> NDArray[np.int64]:
        """When the message of each item was received, Unix ms."""
        return self.messages.received_ms[self.messages_of]

    @property
    def appended(self) -> NDArray[np.bool_]:
        """Whether that is by the broker's own clock."""
        if self.messages.appended is None:
            return np.zeros(len(self.message_of), bool)
        return self.messages.appended[self.messages_of]

    @property
    def appended_ms(self) -> NDArray[np.int64]:
        """The broker's own time of each item's message, Unix ms; NEVER where there is none."""
        return np.where(self.appended, self.received_ms, NEVER)

    def text(self, index: int) -> bytes:
        """Return the original bytes of decoded item `index`."""
        return self.texts.of(self.messages, self.message_of[index])[self._item(index)]

    def reject(self, index: int, reason: str, detail: str) -> Reject:
        """Return the reject of decoded item `index`."""
        position, item = self.place(index)
        value = self.texts.refuse(self.messages, self.message_of[index], item)
        return Reject(position=position, item=item, reason=reason, detail=detail, value=value)

    def place(self, index: int) -> tuple[int, int]:
        """Return the position of a decoded item's message in the source, and the item's place in it."""
        return self.messages.positions[self.message_of[index]], self._item(index)

    def _item(self, index: int) -> int:
        return 0 if self.item_of is None else self.item_of[index]


def joined_origins(messages: Messages, pieces: Sequence[tuple[int, Origin]]) -> Origin:
    """Return the origin of the items of several pieces, each given with the number of its first message."""
    unusable: Counter[str] = Counter()
    for _, each in pieces:
        unusable.update(each.unusable)
    joined = Origin(
        messages=messages,
        message_of=range(len(messages)),
        texts=ItemTexts(split=pieces[0][1].texts.split),
        unusable=unusable,
    )
    if all(each.item_of is None for _, each in pieces):
        return joined
    return msgspec.structs.replace(
        joined,
        message_of=[start + message for start, each in pieces for message in each.message_of],
        item_of=[
            item
            for _, each in pieces
            for item in (each.item_of if each.item_of is not None else [0] * len(each.message_of))
        ],
    )


def ints_of(numbers: Sequence[int]) -> NDArray[np.int64]:
    """Return numbers as an array; NumPy alone would convert a range number by number."""
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    return np.asarray(numbers, np.int64)
