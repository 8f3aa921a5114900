"""Batches as OTLP/JSON: what a collector writes to Kafka as `otlp_json`, and to files, one batch per line.

A batch is decoded into typed values at once. If anything has a wrong type the batch is taken piece by piece, so that a
wrong span or attribute costs only itself.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from operators.ingest.formats.native import FAULTS_MAX, reason_of
from operators.ingest.formats.otlp.record import (
    EVALUATION,
    FLAGS,
    ID_MAX,
    INT64,
    UINT64,
    Record,
    Undecodable,
    flags_of,
)
from operators.ingest.formats.otlp.shared import UNREADABLE, Resource, shared
from operators.ingest.formats.whole_characters import whole_characters
from operators.ingest.usable import UNDECODABLE

FAILED = (2, "STATUS_CODE_ERROR")
NEITHER = "holds neither resourceSpans nor resourceLogs"
ODD_MAX = 5 * FAULTS_MAX  # Parts of a message that are not objects, or have fields of a wrong type.
DEPTH_MAX = 16  # Levels of lists and objects in a value: no field needs so many.
_WHOLE = re.compile(r"-?[0-9]{1,20}")

Part = TypeVar("Part", bound=msgspec.Struct)


class _Camel(msgspec.Struct, gc=False, rename="camel"):
    """Fields of OTLP/JSON are in lower camel case."""


class _Value(_Camel, gc=False):
    """An AnyValue; whole numbers of 64 bits are texts."""

    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    array_value: Any = None
    kvlist_value: Any = None
    bytes_value: Any = None


class _KeyValue(_Camel, gc=False):
    key: str = ""
    value: _Value | None = None


class _Resource(_Camel, gc=False):
    attributes: list[_KeyValue] | None = None


class _Status(_Camel, gc=False):
    code: int | str | None = None


class _Event(_Camel, gc=False):
    time_unix_nano: int | str | None = None
    name: str | None = None
    attributes: list[_KeyValue] | None = None


class _Span(_Camel, gc=False):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    attributes: list[_KeyValue] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _LogRecord(_Camel, gc=False):
    time_unix_nano: int | str | None = None
    observed_time_unix_nano: int | str | None = None
    attributes: list[_KeyValue] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


class _ScopeSpans(_Camel, gc=False):
    spans: list[_Span] | None = None


class _ScopeLogs(_Camel, gc=False):
    log_records: list[_LogRecord] | None = None


class _ResourceSpans(_Camel, gc=False):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _ResourceLogs(_Camel, gc=False):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Batch(_Camel, gc=False):
    resource_spans: list[_ResourceSpans] | None = None
    resource_logs: list[_ResourceLogs] | None = None


_decode = msgspec.json.Decoder(_Batch).decode
_json = msgspec.json.Decoder().decode
# Replaces bytes that are not UTF-8: a code point that Unicode reserves for use within programs.
BROKEN = "\ufdd0"
_NO_UTF8 = re.compile("[\udc80-\udcff]+")
_PARTS: dict[str, Any] = {
    "resource_spans": _ResourceSpans,
    "resource_logs": _ResourceLogs,
    "resource": _Resource,
    "scope_spans": _ScopeSpans,
    "scope_logs": _ScopeLogs,
    "spans": _Span,
    "log_records": _LogRecord,
    "status": _Status,
    "events": _Event,
    "attributes": _KeyValue,
    "value": _Value,
}


def json_records(message: bytes) -> Iterator[Record]:
    """Return the records of a message, in order; evaluations come after their span. Undecodable."""
    try:
        batch = _decode(message)
    except UNDECODABLE:
        batch = _careful(message)
    if batch.resource_spans is None and batch.resource_logs is None:
        raise Undecodable("wrong_type", NEITHER)
    return _of(batch)


def _careful(message: bytes) -> _Batch:
    """Return the usable parts of a batch. Undecodable if it is not JSON at all."""
    try:
        return _usable(_anything(message), _Batch, [0])
    except UNDECODABLE as error:
        raise Undecodable(*reason_of(error)) from error


def _anything(message: bytes) -> object:
    """Return a message's JSON values, with bytes for each text that is not UTF-8. One of UNDECODABLE."""
    text = whole_characters(message)
    try:
        return _json(text)
    except UnicodeDecodeError:
        return _without_broken(_json(_NO_UTF8.sub(BROKEN, text.decode(errors="surrogateescape"))))


def _without_broken(value: object) -> object:
    if isinstance(value, str):
        return value.encode() if BROKEN in value else value
    if isinstance(value, list):
        return [_without_broken(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_broken(each) for name, each in value.items()}
    return value


def _usable(raw: object, kind: type[Part], odd: list[int]) -> Part:
    """Return the usable fields of a part; anything but a JSON object becomes an empty part.

    `odd` counts parts with a fault; more than ODD_MAX raise Undecodable, as a part may be just two bytes long.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        pass
    found: dict[str, object] = {}
    wrong = not isinstance(raw, dict)
    odd[0] += 1
    if odd[0] > ODD_MAX:
        raise Undecodable("too_many_faults", f"more than {ODD_MAX} parts of one message have a fault")
    for field in msgspec.structs.fields(kind):
        value = raw.get(field.encode_name) if isinstance(raw, dict) else None
        part = _PARTS.get(field.name)
        if part is not None:
            found[field.name] = [_usable(each, part, odd) for each in value] if isinstance(value, list) else None
            if field.name in ("resource", "status", "value"):
                found[field.name] = None if value is None else _usable(value, part, odd)
            continue
        try:
            found[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            wrong = True
    if wrong and kind is _Value:
        found = {"bytes_value": raw}  # No field takes bytes: the attribute is reported as unusable.
    return kind(**found)


def _of(batch: _Batch) -> Iterator[Record]:
    for group in batch.resource_spans or ():
        resource = _resource(group.resource)
        for scope in group.scope_spans or ():
            for span in scope.spans or ():
                yield from _of_span(span, resource)
    for logs in batch.resource_logs or ():
        resource = _resource(logs.resource)
        for each in logs.scope_logs or ():
            for record in each.log_records or ():
                yield _of_log(record, resource)


def _of_span(span: _Span, resource: Resource) -> Iterator[Record]:
    flags = (_by_key(event.attributes) for event in span.events or () if event.name in FLAGS)
    found = Record(
        _id(span.trace_id),
        _id(span.span_id),
        _time(span.start_time_unix_nano),
        _time(span.end_time_unix_nano),
        span.status is not None and span.status.code in FAILED,
        _by_key(span.attributes),
        resource,
        resource.with_flags(flags_of(flags, json_value)),
        json_value,
        parent_id=_id(span.parent_span_id),
    )
    yield found
    for event in span.events or ():
        if event.name == EVALUATION:
            yield Record(
                found.trace_id,
                found.span_id,
                0,
                _time(event.time_unix_nano),
                False,
                _by_key(event.attributes),
                resource,
                found.around,
                json_value,
                on=found,
                is_evaluation=True,
            )


def _of_log(record: _LogRecord, resource: Resource) -> Record:
    attributes = _by_key(record.attributes)
    named = record.event_name or json_value(attributes.get("event.name"))
    return Record(
        _id(record.trace_id),
        _id(record.span_id),
        0,
        _time(record.time_unix_nano) or _time(record.observed_time_unix_nano),
        False,
        attributes,
        resource,
        resource.attributes,
        json_value,
        is_log=True,
        is_evaluation=named == EVALUATION,
    )


def _by_key(attributes: Sequence[_KeyValue] | None) -> dict[str, _Value | None]:
    return {each.key: each.value for each in attributes or ()}


def _resource(resource: _Resource | None) -> Resource:
    attributes = None if resource is None else resource.attributes
    return Resource({name: shared(json_value(value)) for name, value in _by_key(attributes).items()})


def _id(text: str | None) -> str:
    return (text or "")[:ID_MAX].lower()


def _time(raw: int | str | None) -> int:
    """Return a time in ns; 0 where it is unreadable."""
    whole = _whole(raw) if raw is not None else None
    return whole if whole is not None and 0 <= whole < UINT64 else 0


def _whole(raw: int | str) -> int | None:
    if isinstance(raw, str):
        return int(raw) if _WHOLE.fullmatch(raw) else None
    return raw


def json_value(value: _Value | None, depth: int = 0) -> object:
    """Return a value as a plain one: None where it is absent, UNREADABLE where no field can hold it."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        whole = _whole(value.int_value)
        return whole if whole is not None and -INT64 <= whole < INT64 else UNREADABLE
    if value.double_value is not None:
        return _double(value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    return _several(value, depth)


def _several(value: _Value, depth: int) -> object:
    if depth > DEPTH_MAX:
        return UNREADABLE
    if value.array_value is not None:
        return [_inner(each, depth) for each in _values(value.array_value)]
    if value.kvlist_value is not None:
        pairs = [each for each in _values(value.kvlist_value) if isinstance(each, dict)]
        return {str(each.get("key", "")): _inner(each.get("value"), depth) for each in pairs}
    return None if value.bytes_value is None else UNREADABLE


def _inner(raw: object, depth: int) -> object:
    """Return a value inside another one. A message may hold half a million odd ones, so these are not looked into."""
    if raw is None:
        return None
    try:
        return json_value(msgspec.convert(raw, _Value), depth + 1) if isinstance(raw, dict) else UNREADABLE
    except msgspec.ValidationError:
        return UNREADABLE


def _values(raw: object) -> Sequence[object]:
    values = raw.get("values") if isinstance(raw, dict) else None
    return values if isinstance(values, list) else ()


def _double(raw: float | str) -> object:
    try:
        number = float(raw)
    except ValueError:
        return UNREADABLE
    return number if math.isfinite(number) else UNREADABLE
