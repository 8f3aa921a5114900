"""The usable part of an item: a fault in an optional field costs only that field.

Fields that say which item this is, what it is about and when it was are needed: a fault in one of them refuses the
item. A field that is left out never becomes good news: an SLI counts an item neither way where it cannot read its
number, the item's error type, or one of its flags. Only items that were refused at first come here, so that no others
pay for it.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from operators.wire.events import (
    REASON_MAX,
    TEXT_MAX,
    UNUSABLE,
    Count,
    Event,
    Feature,
    Feedback,
    Number,
    Request,
    Scalar,
    Text,
    as_text,
)

Item = TypeVar("Item")

# RecursionError: brackets nested deeper than the decoder's stack.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NEEDED: dict[object, frozenset[str]] = {
    Event: frozenset({"request_id", "ts", "model", "version"}),
    Request: frozenset({"request_id", "ts", "model", "version"}),
    # Without a value, or with an unknown kind, feedback says nothing.
    Feedback: frozenset({"request_id", "ts", "model", "version", "kind", "value"}),
}
OPTIONAL = {kind: frozenset(getattr(kind, "__struct_fields__")) - needed for kind, needed in NEEDED.items()}  # noqa: B009  # Of an object.

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(Text).decode
_string = msgspec.json.Decoder(str).decode
_scalar = msgspec.json.Decoder(Scalar).decode
_feature = msgspec.json.Decoder(Feature).decode
_metric = msgspec.json.Decoder(Number | bool).decode
_count = msgspec.json.Decoder(Count, strict=False).decode
_truth = msgspec.json.Decoder(bool, strict=False).decode


class Usable(Generic[Item]):
    """Decodes one kind of item, leaving out what cannot be used. Keeps nothing between calls."""

    def __init__(self, kind: type[Item]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        # Commands have no such fields, and their kind is a union, which has no hints.
        types = get_type_hints(kind, include_extras=True) if kind in OPTIONAL else {}
        self._checks: dict[str, Callable[[msgspec.Raw], Any]] = {
            name: msgspec.json.Decoder(types[name]).decode for name in sorted(OPTIONAL.get(kind, ()))
        }

    def decode(self, text: bytes) -> tuple[Item, list[str]]:
        """Return the item and the fields that were left out, in part or whole. One of UNDECODABLE if it is refused.

        If a key comes several times the last one counts, as everywhere: a fault in an earlier one costs nothing. Not so
        in a command, of which everything is needed, and signed.
        """
        fields: dict[str, Any] = dict(_fields(text))
        unusable = []
        for name, check in self._checks.items():
            if name in fields:
                try:
                    check(fields[name])
                except UNDECODABLE:
                    unusable.append(name)
                    fields[name] = _rest_of(name, fields[name])
        return self._decode(msgspec.json.encode(fields) if self._checks else text), unusable


def _rest_of(name: str, value: msgspec.Raw) -> object:
    """Return the usable part of a field, None where there is none."""
    rest = _RESTS.get(name)
    try:
        return None if rest is None else rest(value)
    except UNDECODABLE:
        return None


def _error_type(value: msgspec.Raw) -> str:
    """Return the text, cut if it is too long; of anything else it is unknown whether it is a failure."""
    try:
        return _string(value)[:TEXT_MAX]
    except UNDECODABLE:
        return UNUSABLE


def _name(value: msgspec.Raw) -> str:
    """Return a name, cut if it is too long; a number or boolean as its text."""
    return as_text(_scalar(value))[:TEXT_MAX]


def _reason(value: msgspec.Raw) -> str:
    return _string(value)[:REASON_MAX]


def _flags(value: msgspec.Raw) -> list[str]:
    """Return the flags that are texts. Whether one of the others was the flag in question stays unknown."""
    try:
        texts = [_or_none(_text, flag) for flag in _items(value)]
    except UNDECODABLE:
        texts = []
    return [*(text for text in texts if text is not None), UNUSABLE]


def _slices(value: msgspec.Raw) -> dict[str, str]:
    """Return the values that are texts; numbers and booleans as their text."""
    texts = {name: as_text(_or_none(_scalar, raw)) for name, raw in _fields(value).items()}
    return {name: text for name, text in texts.items() if max(len(name), len(text)) <= TEXT_MAX}


def _features(value: msgspec.Raw) -> dict[str, object]:
    """Return the usable features; a list, which is no value of a feature, replaces any other."""
    return {
        name: [bytes(raw)[:TEXT_MAX].decode(errors="replace")] if _fails(_feature, raw) else raw
        for name, raw in _fields(value).items()
    }


def _metrics(value: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return {name: raw for name, raw in _fields(value).items() if not _fails(_metric, raw)}


_RESTS: dict[str, Callable[[msgspec.Raw], object]] = {
    "attempt": _count,  # A number as text.
    "mirrored": _truth,
    "source": _name,
    "name": _name,
    "reason": _reason,
    "standing": _name,
    "unit": _name,
    "error_type": _error_type,
    "flags": _flags,
    "slices": _slices,
    "features": _features,
    "metrics": _metrics,
}


def _or_none(decode: Callable[[msgspec.Raw], Any], raw: msgspec.Raw) -> Any:
    try:
        return decode(raw)
    except UNDECODABLE:
        return None


def _fails(decode: Callable[[msgspec.Raw], Any], raw: msgspec.Raw) -> bool:
    try:
        decode(raw)
    except UNDECODABLE:
        return True
    return False
