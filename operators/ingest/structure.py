"""The structure of an item without its values: keys, types and lengths, for people who look for a producer's fault.

Cost: some microseconds an item, at most a few passes over it.
"""

import msgspec

from operators.ingest.usable import UNDECODABLE
from operators.pseudonyms import Pseudonyms

IDS = ("request_id", "user_id", "session_id")
BYTES_MAX = 1 << 20  # Of an item; of a larger one only the size is reported.
KEYS_MAX, ITEMS_MAX, DEPTH_MAX, KEY_MAX = 100, 3, 5, 64  # Reported at most: keys, items, levels, characters of a key.

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


def structure_of(item: bytes, pseudonyms: Pseudonyms) -> str:
    """Return the structure of an item as JSON; "" where it is not JSON, or too large.

    Ids are replaced by their pseudonyms; without a key they are described like other texts.

    >>> structure_of(b'{"request_id": "r1", "latency_ms": -1, "flags": [true, null]}', Pseudonyms())
    '{"request_id":"string(2)","latency_ms":"number","flags":["boolean",null]}'
    """
    if len(item) > BYTES_MAX:
        return ""
    try:
        return msgspec.json.encode(_top(msgspec.json.decode(item, type=msgspec.Raw), pseudonyms)).decode()
    except UNDECODABLE:
        return ""


def _top(raw: msgspec.Raw, pseudonyms: Pseudonyms) -> object:
    shape = _shape(raw, 0)
    if isinstance(shape, dict):
        fields = _fields(raw)
        shape |= {name: _id(fields[name], shape[name], pseudonyms) for name in IDS if name in shape}
    return shape


def _id(raw: msgspec.Raw, shape: object, pseudonyms: Pseudonyms) -> object:
    if shape == "number":
        return pseudonyms.of(bytes(raw).decode()) or shape
    is_text = isinstance(shape, str) and shape.startswith("string")
    return pseudonyms.of(_text(raw)) or shape if is_text else shape


def _shape(raw: msgspec.Raw, depth: int) -> object:
    first = bytes(memoryview(raw)[:1])
    if first == b"{":
        return _object(raw, depth) if depth < DEPTH_MAX else "object"
    if first == b"[":
        return _array(raw, depth) if depth < DEPTH_MAX else "array"
    if first == b'"':
        return f"string({len(_text(raw))})"
    return {b"t": "boolean", b"f": "boolean", b"n": None}.get(first, "number")


def _object(raw: msgspec.Raw, depth: int) -> dict[str, object]:
    fields = _fields(raw)
    shapes: dict[str, object] = {name[:KEY_MAX]: _shape(fields[name], depth + 1) for name in list(fields)[:KEYS_MAX]}
    return shapes | ({"...": f"{len(fields) - KEYS_MAX} more"} if len(fields) > KEYS_MAX else {})


def _array(raw: msgspec.Raw, depth: int) -> list[object]:
    items = _items(raw)
    shapes = [_shape(item, depth + 1) for item in items[:ITEMS_MAX]]
    return shapes + ([f"{len(items) - ITEMS_MAX} more"] if len(items) > ITEMS_MAX else [])
