"""Fields of items that are not read: otherwise a producer's `error` for `error_type` would silently be lost for ever.

An unknown field is not a fault: producers may write fields for other readers. So one message of each chunk is looked
at, and people are told the names once, each with the field that was perhaps meant.
"""

from collections.abc import Sequence
from difflib import get_close_matches

import msgspec

from operators.texts import cut
from operators.wire.events import Feedback, Request

BYTES_MAX = 1 << 16  # A larger message is not looked at.
NAME_MAX = 50
NAMES_MAX = 20  # Of one message.
ALIKE = 0.65  # By difflib's ratio, for which `error` and `error_type` are .67 alike.

EVENT_FIELDS = frozenset(Request.__struct_fields__)
FEEDBACK_FIELDS = frozenset(Feedback.__struct_fields__)
_fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def unread_fields(text: bytes, kind: type) -> Sequence[str]:
    """Return the keys of an item's JSON object for which `kind` (Event or Feedback) has no field; () for other texts.

    >>> from operators.wire.events import Event
    >>> unread_fields(b'{"request_id": "r", "error": "timeout", "version": "v1", "shop": 3}', Event)
    ('error (error_type?)', 'shop')
    """
    known = FEEDBACK_FIELDS if kind is Feedback else EVENT_FIELDS
    try:
        fields = _fields_of(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()  # The message is refused, and that is reported.
    names = [name for name in fields if name not in known][:NAMES_MAX]
    return tuple(_described(cut(name, NAME_MAX), known - fields.keys()) for name in names)


def _described(name: str, missing: frozenset[str]) -> str:
    meant = get_close_matches(name.lower(), sorted(missing), 1, ALIKE)
    return f"{name} ({meant[0]}?)" if meant else name
