"""OTLP messages to typed items: inferences become events, evaluations feedback; all that cannot be mapped is refused.

A message is one batch, protobuf or JSON by its first byte. Its spans, evaluations and log records are all numbered,
whether or not they are read, so that an item's number is the same under any policy. Spans that are not inferences, and
log records that are not evaluations, hold no item.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from operators.ingest.formats.format import Decoded, Stream
from operators.ingest.formats.native import FAULTS_MAX, reason_of
from operators.ingest.formats.origin import REFUSED_TIMES, ItemTexts, Origin, Reject
from operators.ingest.formats.otlp import json_batch, proto_batch
from operators.ingest.formats.otlp.mapping import Fields, OtelMapping
from operators.ingest.formats.otlp.record import Record, Undecodable
from operators.ingest.formats.otlp.tools import with_tools
from operators.ingest.messages import Messages
from operators.ingest.usable import UNDECODABLE, Usable
from operators.policy.policy import Policy
from operators.texts import DETAIL_MAX, cut
from operators.wire.events import Event, Feedback, Request

KINDS_SHOWN = 20  # Kinds of spans that are reported as skipped.


class Unmappable(Exception):
    """A record that cannot become an item: a reason and its detail."""


class OtlpDecoder:
    """Decodes the items of some `streams`; with `logged`, events have all that the request log keeps."""

    again = None  # The item of a span depends on its batch.

    def __init__(self, streams: Sequence[Stream], policy: Policy, *, logged: bool = False) -> None:
        self._streams, self._logged = streams, logged
        self._bytes_max = policy.dead_letters.message_bytes_max
        dimensions = tuple(dict.fromkeys(name for each in policy.each for name in each.dimensions))
        self._mapping = OtelMapping(policy.otel, dimensions, logged=logged)
        self._event: type[Event] = Request if logged else Event
        self._usable: dict[Stream, Usable[Any]] = {"events": Usable(self._event), "feedback": Usable(Feedback)}

    def decode(self, messages: Messages) -> Decoded:
        """Return the valid items in the order of the log, where they came from, and the rejects."""
        taken = _Taken()
        for index, value in enumerate(messages.values):
            rejects: list[Reject] = []
            try:
                self._take(value, index, messages.positions[index], taken, rejects)
            except Undecodable as error:
                rejects.append(_reject(messages.positions[index], 0, error.reason, error.detail, value))
            taken.rejects += rejects
        origin = Origin(
            messages=messages,
            message_of=taken.message_of,
            item_of=taken.item_of,
            texts=ItemTexts(split=self._texts),
            unusable=taken.unusable,
        )
        named = self._streams[0]
        alone = taken.streams.count(named) == len(taken.streams)
        return Decoded(
            items=taken.items,
            origin=origin,
            rejects=taken.rejects,
            streams=() if alone else taken.streams,
            unread=sorted(taken.passed_over),
        )

    def _take(self, value: bytes, index: int, position: int, taken: "_Taken", rejects: list[Reject]) -> None:
        room = REFUSED_TIMES * len(value)
        for number, record in enumerate(self._linked(value)):
            stream = self._stream_of(record)
            if stream is None:
                self._pass_over(record, taken)
                continue
            try:
                item = self._item(record, stream, taken.unusable)
            except Unmappable as error:
                if len(rejects) == FAULTS_MAX:
                    detail = f"what comes after {FAULTS_MAX} that were refused was not looked at"
                    rejects.append(_reject(position, number, "too_many_faults", detail, value))
                    return
                reason, detail = error.args
                text = record.whole(room)
                room -= len(text)
                rejects.append(_reject(position, number, reason, f"{record.where()}: {detail}", text))
                continue
            taken.items.append(item)
            taken.streams.append(stream)
            taken.message_of.append(index)
            taken.item_of.append(number)

    def _pass_over(self, record: Record, taken: "_Taken") -> None:
        """Note a span that is not an inference, to report it: with a wrong mapping none would be."""
        if (
            "events" in self._streams
            and not record.is_log
            and record.on is None
            and len(taken.passed_over) < KINDS_SHOWN
        ):
            taken.passed_over.add(self._mapping.operation_of(record))

    def _linked(self, value: bytes) -> Iterable[Record]:
        """Return the records of a message; for the request log, requests with the tools they called. Undecodable."""
        records = self._records(value)
        return with_tools(list(records), self._mapping) if self._logged else records

    def _records(self, value: bytes) -> Iterator[Record]:
        """Return the records of a message. Undecodable."""
        if len(value) > self._bytes_max:
            raise Undecodable("too_large", f"{len(value)} bytes, allowed are {self._bytes_max}")
        first = value[:1] if value[:1] > b" " else value.lstrip()[:1]
        if not first:
            return iter(())
        # No protobuf message begins so: it would be a group, and these are long gone.
        return json_batch.json_records(value) if first in b"{[" else proto_batch.proto_records(value)

    def _stream_of(self, record: Record) -> Stream | None:
        """Return the stream of a record, None if it is not read."""
        if record.is_evaluation:
            return "feedback" if "feedback" in self._streams else None
        if record.is_log or "events" not in self._streams:
            return None
        return "events" if record.fault() is not None or self._mapping.is_inference(record) else None

    def _item(self, record: Record, stream: Stream, unusable: Counter[str]) -> Any:
        """Return a record as an item. Unmappable."""
        if (fault := record.fault()) is not None:
            raise Unmappable("wrong_type", fault)
        fields = self._fields(record, stream)
        try:
            return msgspec.convert(fields, self._event if stream == "events" else Feedback)
        except msgspec.ValidationError:
            pass
        try:
            item, left_out = self._usable[stream].decode(msgspec.json.encode(fields))
        except UNDECODABLE as error:
            raise Unmappable(*self._why(error, record)) from error
        unusable.update(left_out)
        return item

    def _fields(self, record: Record, stream: Stream) -> Fields:
        if stream == "events":
            return self._mapping.event(record)
        fields = self._mapping.feedback(record)
        if "value" not in fields:
            raise Unmappable("missing_field", "an evaluation without a score and without a label")
        return fields

    def _why(self, error: Exception, record: Record) -> tuple[str, str]:
        reason, detail = reason_of(error)
        if reason == "missing_field":
            detail = f"{detail}; {self._mapping.sought(detail)}"
        return reason, detail

    def _texts(self, value: bytes) -> Sequence[bytes]:
        """Return, by number, the items of a message as native messages; b"" for other records."""
        return _Texts([each if self._may_be_item(each) else None for each in self._linked(value)], self._text)

    def _may_be_item(self, record: Record) -> bool:
        return self._stream_of(record) is not None and record.fault() is None

    def _text(self, record: Record | None) -> bytes:
        stream = None if record is None else self._stream_of(record)
        if record is not None and stream is not None:
            with suppress(Unmappable):
                return msgspec.json.encode(self._fields(record, stream))
        return b""


class _Texts(Sequence[bytes]):
    """The texts of records, each made when it is read: together they may be far larger than their message.

    None stands for a record without a text, such as an empty span of two bytes, of which nothing is kept.
    """

    def __init__(self, records: Sequence[Record | None], text_of: Callable[[Record | None], bytes]) -> None:
        self._records, self._text_of = records, text_of

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: Any) -> Any:
        return self._text_of(self._records[number])


class _Taken:
    """What is collected of some messages."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.streams: list[Stream] = []
        self.message_of: list[int] = []
        self.item_of: list[int] = []
        self.rejects: list[Reject] = []
        self.unusable: Counter[str] = Counter()
        self.passed_over: set[str] = set()


def _reject(position: int, item: int, reason: str, detail: str, value: bytes) -> Reject:
    return Reject(position=position, item=item, reason=reason, detail=cut(detail, DETAIL_MAX), value=value)
