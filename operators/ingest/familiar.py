"""Decodes events that are like earlier ones: with the same keys and known names. All others are left to the decoder.

A known name is decoded straight to its number; making and freeing its text would be half the cost of decoding. Only
what `Event` takes is taken: each field has the same type, or one of some values of it. Results do not depend on what is
known.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, cast

import msgspec

from operators.ingest.lines import objects_of
from operators.ingest.reserved import is_reserved
from operators.ingest.usable import UNDECODABLE
from operators.wire.events import ABSENT, Event, Text

FAMILIAR_MAX = 2_000  # Names of one field; with more all are forgotten.
LABELS_MAX = 256  # The same for fields that nothing counts; with more they stay texts.
KEYS_MAX = 100  # Keys of an event.
UNNAMED = re.compile(r'["\\\x00-\x1f]')  # Characters of keys that no field of a struct can have.
ALWAYS_NAMED = ("model", "version")
LABELS = ("prompt_version", "endpoint", "team")
NAMED = (*ALWAYS_NAMED, "error_type", *LABELS)
NULL_ALONE = ("attempt", "kind")  # Events that have these are left to the decoder.

_keys_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Numbered(float, Enum):
    """A text that stands for a number: a float, as floats are packed most quickly."""

    def __new__(cls, number: int, text: str) -> "Numbered":
        """Return the number of a text."""
        made = float.__new__(cls, number)
        made._value_ = text
        return made


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Decodes events with some keys: into `kind`, with `fields` and those of its `slices` in order.

    `names` are, by field, the names that numbers stand for; a dimension's are under `slices.` and its name.
    """

    kind: type[msgspec.Struct]
    fields: Sequence[str]
    slices: Sequence[str]
    names: Mapping[str, Sequence[str]]
    no_slices: msgspec.Struct


class MetBefore:
    """What is known: the keys of events and of their slices, in order, and the names of each field."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        self.dimensions = dimensions
        self.keys: dict[str, None] = {}
        self.slices: dict[str, None] = {}
        self.names: dict[str, dict[str, None]] = {}

    def add(self, values: Iterable[bytes], events: Sequence[Event]) -> bool:
        """Learn from messages that hold one event each; return whether anything was new."""
        before = self._size()
        try:
            for value in values:
                self.keys |= dict.fromkeys(_keys_of(value))
        except UNDECODABLE:
            return False
        for name in NAMED:
            self._name(name, (getattr(event, name) for event in events))
        slices = [event.slices or {} for event in events]
        for each in slices:
            self.slices |= dict.fromkeys(each)
        for name in self.dimensions:
            self._name(f"slices.{name}", (each.get(name, "") for each in slices))
        return self._size() > before

    def _size(self) -> int:
        return len(self.keys) + len(self.slices) + sum(map(len, self.names.values()))

    def _name(self, field: str, texts: Iterable[str | None]) -> None:
        known = self.names.setdefault(field, {} if field in ALWAYS_NAMED else {"": None})
        if field not in LABELS or len(known) <= LABELS_MAX:
            known |= {text: None for text in dict.fromkeys(texts) if text is not None and not _is_own(field, text)}

    @property
    def is_too_much(self) -> bool:
        """Whether there is more than is worth knowing."""
        most = max(len(texts) for field, texts in self.names.items() if field not in LABELS)
        return max(len(self.keys), len(self.slices)) > KEYS_MAX or most > FAMILIAR_MAX

    @property
    def is_enough(self) -> bool:
        """Whether any event can have only known names: not where all were refused for their names."""
        return all(self.names[field] for field in ALWAYS_NAMED)

    def shape(self) -> Shape:
        """Return the decoder of events with nothing unknown."""
        names = {
            field: [*texts] for field, texts in self.names.items() if field not in LABELS or len(texts) <= LABELS_MAX
        }
        kinds = {field: _numbered(texts) for field, texts in names.items()}
        dimensions = _namable(self.slices)
        slices = _slices_of(dimensions, kinds)
        known = {field.name: field for field in msgspec.structs.fields(Event)}
        fields: list[Any] = []
        for place, key in enumerate(_namable(self.keys)):
            if key not in known:
                fields.append((f"other_{place}", msgspec.Raw, msgspec.field(default=ABSENT, name=key)))
                continue
            kind = slices | None if key == "slices" else _kind_of(key, known[key].type, kinds)
            fields.append((key, kind) if known[key].required else (key, kind, None))
        made = msgspec.defstruct("FamiliarEvent", fields, gc=False, kw_only=True, forbid_unknown_fields=True)
        return Shape(kind=made, fields=made.__struct_fields__, slices=dimensions, names=names, no_slices=slices())


def _namable(keys: Iterable[str]) -> list[str]:
    return [key for key in keys if not UNNAMED.search(key)]


def _is_own(field: str, text: str) -> bool:
    """Tell whether a text is a name of rollguard's own: events with it are refused."""
    return field in ALWAYS_NAMED and is_reserved(text)


def _slices_of(keys: Sequence[str], kinds: Mapping[str, Any]) -> Any:
    fields = [(f"slice_{place}", *_slice_field(key, kinds.get(f"slices.{key}"))) for place, key in enumerate(keys)]
    return msgspec.defstruct("FamiliarSlices", fields, gc=False, forbid_unknown_fields=True)


def _slice_field(name: str, kind: Any) -> tuple[Any, Any]:
    if kind is None:
        return Text, msgspec.field(default="", name=name)
    return kind, msgspec.field(default=kind(""), name=name)


def _kind_of(key: str, kind: Any, kinds: Mapping[str, Any]) -> Any:
    if key in NULL_ALONE:
        return None
    if key not in kinds:
        return kind
    return kinds[key] if key in ALWAYS_NAMED else kinds[key] | None


def _numbered(texts: Sequence[str]) -> Any:
    members = [(f"name_{number}", (number, text)) for number, text in enumerate(texts)]
    return cast(Any, Numbered)("Names", members)


class FamiliarDecoder:
    """Decodes messages that hold one event each, by what is known."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        decoder = msgspec.json.Decoder(shape.kind)
        self._one, self._of_lines = decoder.decode, decoder.decode_lines

    def decode(self, values: Sequence[bytes]) -> list[Any] | None:
        """Return the events of some messages; None where one of them has something unknown."""
        try:
            texts = objects_of(values)
            events = [event for text in texts for event in self._of_lines(text)]
            events = events if texts else list(map(self._one, values))
        except UNDECODABLE:
            return None
        return events if len(events) == len(values) else None
