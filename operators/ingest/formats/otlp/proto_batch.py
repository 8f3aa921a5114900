"""Batches as protobuf: what a collector's Kafka exporter writes as `otlp_proto`."""

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from operators.ingest.formats.otlp.record import EVALUATION, FLAGS, ID_MAX, Record, Undecodable, flags_of, readable
from operators.ingest.formats.otlp.schema import CLASSES
from operators.ingest.formats.otlp.shared import UNREADABLE, Resource, shared

FAILED = 2  # STATUS_CODE_ERROR.

_spans, _logs = CLASSES["TracesData"].FromString, CLASSES["LogsData"].FromString


def proto_records(message: bytes) -> Iterator[Record]:
    """Return the records of a message, in order; evaluations come after their span. Undecodable."""
    try:
        batch = _spans(message)
    except DecodeError as error:
        batch, fault = None, error
    else:
        fault = None
    # Only contents tell the two kinds of batches apart: no log record can be read as a span with ids.
    if batch is None or not _has_ids(batch):
        logs = _read_logs(message)
        if logs is not None:
            return _of_logs(logs)
    if batch is None:
        raise Undecodable("bad_protobuf", f"is no batch of spans or log records: {fault}")
    if not batch.resource_spans:
        raise Undecodable("bad_protobuf", "holds neither spans nor log records")
    return _of_spans(batch)


def _has_ids(batch: Any) -> bool:
    """Tell by the first one whether these are spans."""
    for group in batch.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                return bool(span.trace_id or span.span_id)
    return bool(batch.resource_spans)


def _read_logs(message: bytes) -> Any:
    """Return a batch of log records, None if it is not one."""
    try:
        batch = _logs(message)
    except DecodeError:
        return None
    every = (record for group in batch.resource_logs for scope in group.scope_logs for record in scope.log_records)
    first = next(every, None)
    timed = first is not None and (first.time_unix_nano or first.observed_time_unix_nano)
    return batch if timed else None


def _of_spans(batch: Any) -> Iterator[Record]:
    for group in batch.resource_spans:
        resource = _resource(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                flags = (event.attributes for event in span.events if event.name in FLAGS)
                found = Record(
                    _id(span.trace_id),
                    _id(span.span_id),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == FAILED,
                    span.attributes,
                    resource,
                    resource.with_flags(flags_of(flags, proto_value)),
                    proto_value,
                    parent_id=_id(span.parent_span_id),
                )
                yield found
                for event in span.events:
                    if event.name == EVALUATION:
                        yield _evaluation(found, event)


def _evaluation(span: Record, event: Any) -> Record:
    return Record(
        span.trace_id,
        span.span_id,
        0,
        event.time_unix_nano,
        False,
        event.attributes,
        span.resource,
        span.around,
        proto_value,
        on=span,
        is_evaluation=True,
    )


def _of_logs(batch: Any) -> Iterator[Record]:
    for group in batch.resource_logs:
        resource = _resource(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                named = record.event_name or proto_value(record.attributes.get("event.name", _NOTHING))
                yield Record(
                    _id(record.trace_id),
                    _id(record.span_id),
                    0,
                    record.time_unix_nano or record.observed_time_unix_nano,
                    False,
                    record.attributes,
                    resource,
                    resource.attributes,
                    proto_value,
                    is_log=True,
                    is_evaluation=named == EVALUATION,
                )


_NOTHING = CLASSES["AnyValue"]()


def _resource(attributes: Any) -> Resource:
    return Resource({name: shared(proto_value(value)) for name, value in readable(attributes)})


def _id(raw: bytes) -> str:
    return raw[:ID_MAX].hex()[:ID_MAX]


def _plain(attributes: Any) -> dict[str, object]:
    return {name: proto_value(value) for name, value in readable(attributes)}


def proto_value(value: Any) -> object:
    """Return a value as a plain one: None where it is absent, UNREADABLE where no field can hold it."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "double_value":
        return found if math.isfinite(found) else UNREADABLE
    if kind == "array_value":
        return [proto_value(each) for each in found.values]
    if kind == "kvlist_value":
        return _plain(found.values)
    return UNREADABLE if type(found) is bytes else found  # Bytes also stand for text that is not UTF-8.
