"""Plain values and arrays as few bytes: for what a state keeps packed, and unpacks when it is needed."""

import zlib
from typing import Any

from operators.saved.decode import from_bytes_of
from operators.saved.encode import to_bytes_of
from operators.saved.registry import Registry, Unreadable

LEVEL = 1  # Of zlib; a higher one takes three times as long to save a tenth of the bytes.
PLAIN = Registry([])


def pack_fields(fields: dict[str, Any]) -> bytes:
    """Return named values, none of them an object of a class, as compressed bytes. Unsavable."""
    return zlib.compress(to_bytes_of(PLAIN, fields), LEVEL)


def unpack_fields(packed: bytes) -> dict[str, Any]:
    """Return the values that `pack_fields` packed. Unreadable."""
    try:
        (fields,) = from_bytes_of(PLAIN, zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        raise Unreadable("what is packed in it is broken") from error
    if not isinstance(fields, dict):
        raise Unreadable("what is packed in it is no set of fields")
    return fields
