"""What many items of a batch share: the attributes around a span, and those of a span with evaluations on it.

A megabyte may hold tens of thousands of spans beside one long value. So shared values are read once, and cut to what
fields can hold: an item costs only what is its own, plus a small constant.
"""

from collections import ChainMap
from collections.abc import Mapping

import msgspec

from operators.texts import cut

# Replaces values that no field can hold: bytes, NaN, text that is not UTF-8. No field takes this list either.
UNREADABLE: list[None] = [None]
SHARED_MAX = 256  # Characters of a shared text, bytes of a shared list; most fields take 128 characters.
COPIED_MAX = 128  # Attributes around a span, up to which they are copied for a span with feature flags.


def shared(value: object) -> object:
    """Return a value as items share it: a longer text is cut, a longer list or object is emptied.

    Different texts stay different, and a text that is too long for a field stays so.

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
        """Return the attributes as JSON, encoded once."""
        if not self.text:
            self.text = msgspec.json.encode(self.attributes)
        return self.text

    def with_flags(self, flags: dict[str, object]) -> Mapping[str, object]:
        """Return the attributes with the variants of feature flags; many attributes are not copied for each span."""
        if not flags:
            return self.attributes
        return {**self.attributes, **flags} if len(self.attributes) <= COPIED_MAX else ChainMap(flags, self.attributes)
