"""What a batch holds, whichever way it is encoded: spans, evaluations on them, and log records."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

EVALUATION = "gen_ai.evaluation.result"
FLAGS = ("feature_flag.evaluation", "feature_flag")
FLAG_KEY = "feature_flag.key"
FLAG_VARIANTS = ("feature_flag.result.variant", "feature_flag.variant")
# In place of what is no value of any field: bytes, NaN, text that is no UTF-8. A list of nothing fits none of them.
UNREADABLE: list[None] = [None]
_IDS = re.compile(r"(?!0{32})(?=.{32}(?!0{16}))[0-9a-f]{48}")  # Of a trace and a span, neither of them zero.
UINT64 = 1 << 64
INT64 = 1 << 63


class Undecodable(Exception):
    """A message that is no batch of spans or log records: its `reason`, of the list of all formats, and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def readable(attributes: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Yield attributes by name; a name that is no UTF-8 comes as bytes, under which nothing can be looked up."""
    return ((name, attributes[name]) for name in attributes if type(name) is str)


def with_flag(
    around: Mapping[str, object], attributes: Mapping[Any, Any], value: Callable[[Any], object]
) -> Mapping[str, object]:
    """Return what is around a span with the variant of a feature flag, by `flag:KEY`; `attributes` are its event's."""
    found = [value(attributes[name]) for name in (FLAG_KEY, *FLAG_VARIANTS) if name in attributes]
    return {**around, f"flag:{found[0]}": found[1]} if len(found) > 1 else around


class Record(msgspec.Struct, gc=False):
    """A span, an evaluation on a span (`on`), or a log record.

    `attributes` are its own, as they are encoded; `value` reads one. Those of its `resource` are read, and stand with
    the variants of feature flags. Ids are hex, times are ns since 1970, 0 where nobody said.
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[Any, Any]
    resource: Mapping[str, object]
    value: Callable[[Any], object]
    on: "Record | None" = None
    is_log: bool = False
    is_evaluation: bool = False

    def get(self, names: tuple[str, ...]) -> object:
        """Return the first of some attributes that is there, None without any: its own, then those around it."""
        for name in names:
            if name in self.attributes:
                value = self.value(self.attributes[name])
            elif self.on is not None and name in self.on.attributes:
                value = self.on.value(self.on.attributes[name])
            else:
                value = self.resource.get(name)
            if value is not None:
                return value
        return None

    def whole(self) -> bytes:
        """Return all of it as JSON, for people who look for what is wrong with it."""
        own = {name: self.value(value) for name, value in readable(self.attributes)}
        found = {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "startTimeUnixNano": self.start_ns,
            "endTimeUnixNano": self.end_ns,
            "attributes": own,
            "resource": self.resource,
        }
        return msgspec.json.encode(found)

    def where(self) -> str:
        """Return how people find it."""
        kind = "evaluation on span" if self.on is not None else "log record of span" if self.is_log else "span"
        return f"{kind} {self.span_id[:32] or '(without id)'} of trace {self.trace_id[:64] or '(without id)'}"

    def fault(self) -> str | None:
        """Return what is wrong with the ids of a span; a log record and what is on a span need none of their own."""
        if self.is_log or self.on is not None or _IDS.fullmatch(self.trace_id + self.span_id):
            return None
        for what, text, size in (("trace", self.trace_id, 32), ("span", self.span_id, 16)):
            if len(text) != size or text.strip("0123456789abcdef"):
                return f"the {what} id is not {size} hexadecimal digits"
            if not text.strip("0"):
                return f"the {what} id is zero"
        return None
