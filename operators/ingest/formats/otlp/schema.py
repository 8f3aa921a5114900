"""The parts of OTLP's protobuf messages that are read (opentelemetry-proto 1.x: trace.proto, logs.proto).

For speed it differs from the published schema in three ways that do not show on the wire. Attributes, a list of
messages with a key and a value, are declared as a map: protobuf encodes a map as that very list, so its C code finds
them by key. Fields that are not read are not declared. And the syntax is proto2, in which text that is not UTF-8 comes
out as bytes, so that it costs its own attribute and not a batch of thousands. A test compares each field with the
published schema.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "rollguard.otlp"
_OF = descriptor_pb2.FieldDescriptorProto
STRING, BYTES, BOOL, INT64, UINT32, FIXED64, DOUBLE, ENUM = (
    _OF.TYPE_STRING,
    _OF.TYPE_BYTES,
    _OF.TYPE_BOOL,
    _OF.TYPE_INT64,
    _OF.TYPE_UINT32,
    _OF.TYPE_FIXED64,
    _OF.TYPE_DOUBLE,
    _OF.TYPE_INT32,  # Any number is let through as an enum.
)
# By message, its fields: name, number, type. A type is a message's name, in brackets for a list of them, in braces for
# attributes.
Fields = tuple[tuple[str, int, Any], ...]
MESSAGES: dict[str, Fields] = {
    "AnyValue": (
        ("string_value", 1, STRING),
        ("bool_value", 2, BOOL),
        ("int_value", 3, INT64),
        ("double_value", 4, DOUBLE),
        ("array_value", 5, "ArrayValue"),
        ("kvlist_value", 6, "KeyValueList"),
        ("bytes_value", 7, BYTES),
    ),
    "ArrayValue": (("values", 1, ["AnyValue"]),),
    "KeyValueList": (("values", 1, {"AnyValue"}),),
    "Resource": (("attributes", 1, {"AnyValue"}),),
    "Status": (("code", 3, ENUM),),
    "Event": (("time_unix_nano", 1, FIXED64), ("name", 2, STRING), ("attributes", 3, {"AnyValue"})),
    "Span": (
        ("trace_id", 1, BYTES),
        ("span_id", 2, BYTES),
        ("parent_span_id", 4, BYTES),
        ("start_time_unix_nano", 7, FIXED64),
        ("end_time_unix_nano", 8, FIXED64),
        ("attributes", 9, {"AnyValue"}),
        ("events", 11, ["Event"]),
        ("status", 15, "Status"),
    ),
    "LogRecord": (
        ("time_unix_nano", 1, FIXED64),
        ("attributes", 6, {"AnyValue"}),
        ("trace_id", 9, BYTES),
        ("span_id", 10, BYTES),
        ("observed_time_unix_nano", 11, FIXED64),
        ("event_name", 12, STRING),
    ),
    "ScopeSpans": (("spans", 2, ["Span"]),),
    "ScopeLogs": (("log_records", 2, ["LogRecord"]),),
    "ResourceSpans": (("resource", 1, "Resource"), ("scope_spans", 2, ["ScopeSpans"])),
    "ResourceLogs": (("resource", 1, "Resource"), ("scope_logs", 2, ["ScopeLogs"])),
    "TracesData": (("resource_spans", 1, ["ResourceSpans"]),),
    "LogsData": (("resource_logs", 1, ["ResourceLogs"]),),
}


def _declare(file: Any, name: str, fields: Fields) -> None:
    message = file.message_type.add(name=name)
    for field, number, kind in fields:
        label = _OF.LABEL_OPTIONAL if isinstance(kind, int | str) else _OF.LABEL_REPEATED
        if isinstance(kind, int):
            message.field.add(name=field, number=number, type=kind, label=label)
            continue
        (target,) = (kind,) if isinstance(kind, str) else kind
        if isinstance(kind, set):
            target = _entry(message, name, field, target)
        type_name = f".{PACKAGE}.{target}"
        message.field.add(name=field, number=number, type=_OF.TYPE_MESSAGE, label=label, type_name=type_name)
    if name == "AnyValue":
        message.oneof_decl.add(name="value")
        for each in message.field:
            each.oneof_index = 0


def _entry(message: Any, name: str, field: str, target: str) -> str:
    """Declare the entries of a map; protobuf requires their name to follow that of the field."""
    entry = message.nested_type.add(name=f"{field.title()}Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=STRING, label=_OF.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=_OF.TYPE_MESSAGE, label=_OF.LABEL_OPTIONAL, type_name=f".{PACKAGE}.{target}"
    )
    return f"{name}.{entry.name}"


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="rollguard/otlp.proto", package=PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        _declare(file, name, fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in MESSAGES}


CLASSES = _classes()
