"""The records of a batch, however it is encoded: spans, evaluations on them, and log records."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from operators.ingest.formats.otlp.shared import Resource, shared

EVALUATION = "gen_ai.evaluation.result"
FLAGS = ("feature_flag.evaluation", "feature_flag")
FLAG_KEY = "feature_flag.key"
FLAG_VARIANTS = ("feature_flag.result.variant", "feature_flag.variant")
ID_MAX = 128  # Characters of an id: longer ones are not allowed.
_IDS = re.compile(r"(?!0{32})(?=.{32}(?!0{16}))[0-9a-f]{48}")  # A trace id and a span id, neither of them zero.
UINT64 = 1 << 64
INT64 = 1 << 63


class Undecodable(Exception):
    """A message that is not a batch of spans or log records: `reason`, one of those of all formats, and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def readable(attributes: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield attributes by name; a name that is not UTF-8 comes as bytes, so that no look-up finds it."""
    return ((name, attributes[name]) for name in attributes if type(name) is str)


def flags_of(evaluations: Iterable[Mapping[Any, Any]], value: Callable[[Any], object]) -> dict[str, object]:
    """Return the variants of feature flags, by `flag:KEY`, from the attributes of the events that evaluated them."""
    flags: dict[str, object] = {}
    for attributes in evaluations:
        found = [shared(value(attributes[name])) for name in (FLAG_KEY, *FLAG_VARIANTS) if name in attributes]
        if len(found) > 1:
            flags[f"flag:{found[0]}"] = found[1]
    return flags


class Record(msgspec.Struct, gc=False):
    """A span, an evaluation on a span (`on`), or a log record.

    `attributes` are its own, still encoded; `value` reads one. Those `around` it are read already: of its `resource`,
    with the variants of feature flags. Ids are hex, times are ns since 1970, 0 where absent. For the evaluations on a
    span, `read` has the span's attributes that they have read, and `context` the fields they all share. `tools` are
    those that an inference called, where they were looked for (`tools.py`).
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[Any, Any]
    resource: Resource
    around: Mapping[str, object]
    value: Callable[[Any], object]
    on: "Record | None" = None
    is_log: bool = False
    is_evaluation: bool = False
    read: dict[str, object] | None = None
    context: dict[str, object] | None = None
    parent_id: str = ""
    tools: list[dict[str, object]] | None = None

    def get(self, names: tuple[str, ...]) -> object:
        """Return the first of some attributes that is present, None if none is: its own, then those around it."""
        for name in names:
            if name in self.attributes:
                value = self.value(self.attributes[name])
            elif self.on is not None and name in self.on.attributes:
                value = self.on.lent(name)
            else:
                value = self.around.get(name)
            if value is not None:
                return value
        return None

    def lent(self, name: str) -> object:
        """Return one of a span's own attributes for the evaluations on it: read once, and cut."""
        if self.read is None:
            self.read = {}
        if name not in self.read:
            self.read[name] = shared(self.value(self.attributes[name]))
        return self.read[name]

    def whole(self, room: int) -> bytes:
        """Return the whole record as JSON, for people who look for its fault.

        The resource, which other records share, is left out if more than `room` bytes come of it.
        """
        own = {name: self.value(value) for name, value in readable(self.attributes)}
        found = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "startTimeUnixNano": self.start_ns,
            "endTimeUnixNano": self.end_ns,
            "attributes": own,
        }
        text = msgspec.json.encode(found)
        if len(text) + len(self.resource.as_json()) > room:
            return text
        return msgspec.json.encode(found | {"resource": msgspec.Raw(self.resource.as_json())})

    def where(self) -> str:
        """Return the ids by which people find the record."""
        kind = "evaluation on span" if self.on is not None else "log record of span" if self.is_log else "span"
        return f"{kind} {self.span_id[:32] or '(without id)'} of trace {self.trace_id[:64] or '(without id)'}"

    def fault(self) -> str | None:
        """Return what is wrong with the ids of a span; log records and evaluations on a span need no ids."""
        if self.is_log or self.on is not None or _IDS.fullmatch(self.trace_id + self.span_id):
            return None
        for what, text, size in (("trace", self.trace_id, 32), ("span", self.span_id, 16)):
            if len(text) != size or text.strip("0123456789abcdef"):
                return f"the {what} id is not {size} hexadecimal digits"
            if not text.strip("0"):
                return f"the {what} id is zero"
        return None
