"""Arrow IPC messages to tables: only what is surely small, plain and whole.

A producer may be broken or hostile, and Arrow trusts what it reads: so nothing compressed is taken (a megabyte may hold
gigabytes; Kafka compresses better), only plain types, no more rows than bytes, and all offsets are checked.
"""

import struct
from functools import lru_cache
from struct import unpack_from

import pyarrow as pa
from pyarrow import compute, ipc

from operators.ingest.formats.arrow.times import check_zone, with_plain_times

# In JSON each row repeats every name and every text of a dictionary. A message as JSON may have at most this many times
# its size, plus so many bytes.
EXPANDED_TIMES, EXPANDED_BYTES = 8, 16 << 20
VALUE_BYTES = 8  # About the size of a value with quotes and commas, without its name.
FIELDS_MAX = 2_000
FEATHER, PADDING = b"ARROW1", b"\0"
# Fields of Arrow's format/Message.fbs and format/Schema.fbs, by their place in the table.
_HEADER, _DATA, _COMPRESSION = 2, 1, 3
# Names may not be UTF-8.
FAULTS = (pa.ArrowException, OSError, EOFError, ValueError, struct.error)


class WrongBatch(ValueError):
    """The message is not a readable stream of record batches."""


def arrow_table_of(message: bytes) -> pa.Table:
    """Return the rows of a message. WrongBatch."""
    try:
        if message.startswith(FEATHER):
            raise WrongBatch("it is an IPC file, as Feather is: a message is an IPC stream")
        _refuse_compressed(message)
        source = pa.BufferReader(message)
        with ipc.open_stream(source) as stream:
            _check_schema(stream.schema)
            table = stream.read_all()
        if message[source.tell() :].strip(PADDING):
            raise WrongBatch(f"{len(message) - source.tell()} bytes after the end of its stream: a message is one")
        if table.num_rows > len(message):
            raise WrongBatch(f"{table.num_rows} rows in {len(message)} bytes")
        table.validate(full=True)
        table = with_plain_times(table)
        _check_size(table, EXPANDED_TIMES * len(message) + EXPANDED_BYTES)
    except WrongBatch:
        raise
    except FAULTS as error:
        raise WrongBatch(str(error)) from error
    return table


def _refuse_compressed(message: bytes) -> None:
    for part in ipc.MessageReader.open_stream(pa.py_buffer(message)):
        if part.type in ("record batch", "dictionary"):
            metadata = part.metadata.to_pybytes()
            table = _table_in(metadata, unpack_from("<I", metadata)[0], _HEADER)
            if part.type == "dictionary":
                table = _table_in(metadata, table, _DATA)
            if _offset(metadata, table, _COMPRESSION):
                raise WrongBatch("its buffers are compressed: let Kafka compress messages instead")


def _table_in(metadata: bytes, table: int, field: int) -> int:
    """Return the position of the table that a field points to (FlatBuffers; the client has verified it)."""
    at = table + _offset(metadata, table, field)
    return int(at + unpack_from("<I", metadata, at)[0])


def _offset(metadata: bytes, table: int, field: int) -> int:
    """Return the offset of a field from the start of its table, 0 where it is absent."""
    vtable = table - unpack_from("<i", metadata, table)[0]
    size = unpack_from("<H", metadata, vtable)[0]
    place = 4 + 2 * field
    return int(unpack_from("<H", metadata, vtable + place)[0]) if place < size else 0


@lru_cache(64)  # A producer uses one.
def _check_schema(schema: pa.Schema) -> None:
    if len(set(schema.names)) < len(schema.names) or len(schema.names) > FIELDS_MAX:
        raise WrongBatch(f"{len(schema.names)} columns, of which some have one name, or more than {FIELDS_MAX}")
    for field in schema:
        _check_type(field.name, field.type)


def _check_type(name: str, kind: pa.DataType) -> None:
    types = pa.types
    if types.is_dictionary(kind) and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
        return
    if types.is_struct(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        if types.is_map(kind) and types.is_nested(kind.key_type):
            raise WrongBatch(f"column {name} has a map whose keys are of type {kind.key_type}")
        if types.is_struct(kind) and len({field.name for field in kind}) < kind.num_fields:
            raise WrongBatch(f"column {name} has a struct of which some fields have one name")
        for place in range(kind.num_fields):
            inner = kind.field(place)
            if not types.is_struct(kind) and types.is_dictionary(inner.type):
                raise WrongBatch(f"column {name} has a dictionary in a list or map: only columns and structs may")
            _check_type(name, inner.type)
        return
    check_zone(kind)
    plain = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string)
    if not any(test(kind) for test in (*plain, types.is_timestamp, types.is_null)):
        raise WrongBatch(f"column {name} is of type {kind}: not one of numbers, texts, times, lists, maps, structs")


def _check_size(table: pa.Table, most: int) -> None:
    """WrongBatch where names and dictionary texts, counted at each repetition, exceed `most` bytes."""
    total = 0
    columns = [*zip(table.schema, table.columns, strict=True)]
    while columns:
        field, column = columns.pop()
        total += (len(column) - column.null_count) * (len(field.name) + VALUE_BYTES)
        if pa.types.is_struct(column.type):
            columns += zip(column.type, column.flatten(), strict=True)
        elif pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                lengths = compute.binary_length(chunk.dictionary).take(chunk.indices)
                total += compute.sum(lengths).as_py() or 0
    if total > most:
        raise WrongBatch(f"rows of {total} bytes as JSON, allowed are {most}")
