"""What many items of a batch share: the attributes around a span, and those of a span with evaluations on it.

A megabyte may hold tens of thousands of spans beside one long value. So what is shared is read once, and is cut to what
fields can hold: an item costs no more than it has of its own, and a small constant.
"""

from collections import ChainMap
from collections.abc import Mapping

import msgspec

from operators.texts import cut

# In place of what is no value of any field: bytes, NaN, text that is no UTF-8. A list of nothing fits none of them.
UNREADABLE: list[None] = [None]
SHARED_MAX = 256  # Characters of a shared text, bytes of a shared list; most fields take 128 characters.
COPIED_MAX = 128  # Attributes around a span that are copied for it when it has feature flags.


def shared(value: object) -> object:
    """Return a value as many items have it: a longer text is cut, of a longer list or object nothing is left.

    Texts that differ still differ, and what is too long for a field still is.

    >>> shared("eu"), shared(["a"]), shared(["a"] * 1_000), len(shared("x" * 1_000))
    ('eu', ['a'], [None], 295)
    """
    if isinstance(value, str):
        return cut(value, SHARED_MAX)
    if isinstance(value, list | dict) and len(msgspec.json.encode(value)) > SHARED_MAX:
        return UNREADABLE
    return value


class Resource(msgspec.Struct):
    """The attributes of a resource, `shared`."""

    attributes: dict[str, object]
    text: bytes = b""

    def as_json(self) -> bytes:
        """Return them as JSON, encoded once."""
        if not self.text:
            self.text = msgspec.json.encode(self.attributes)
        return self.text

    def with_flags(self, flags: dict[str, object]) -> Mapping[str, object]:
        """Return them with the variants of feature flags; many attributes are not copied for each span."""
        if not flags:
            return self.attributes
        return {**self.attributes, **flags} if len(self.attributes) <= COPIED_MAX else ChainMap(flags, self.attributes)
