"""Times in Arrow tables, which can hold far more than Python, or an event, can.

The time of an item becomes Unix ms, so that an absurd one costs only its own row. Elsewhere a time outside of the years
1 to 9999 counts as missing; within lists, maps and structs it makes the message wrong.
"""

from datetime import UTC, datetime

import pyarrow as pa
from pyarrow import compute

from operators.wire.events import TS_MS_MAX

ITEM_TIMES = ("ts", "request_ts")
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}  # Per second.
_DAY_S = 86_400  # Every offset from UTC is less.
_FIRST_S = int(datetime(1, 1, 1, tzinfo=UTC).timestamp()) + _DAY_S
_LAST_S = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) - _DAY_S
_INT64_MAX = (1 << 63) - 1


def check_zone(kind: pa.DataType) -> None:
    """ValueError where a type has an unknown time zone."""
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        try:
            pa.lib.string_to_tzinfo(kind.tz)
        except Exception as error:  # It raises exceptions of its zone library.
            raise ValueError(f"the time zone {kind.tz!r} is not known") from error


def with_plain_times(table: pa.Table) -> pa.Table:
    """Return a table all of whose times are Unix ms or can be read as datetimes. ValueError."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_timestamp(field.type):
            column = ms_of_column(column) if field.name in ITEM_TIMES else _within_years(column)
            table = table.set_column(place, field.name, column)
        elif _has_times(field.type):
            _check_readable(field.name, column)
    return table


def ms_of_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times as Unix ms; fractions of a millisecond are cut off, absurd ones stay out of range."""
    numbers, unit = column.cast(pa.int64()), column.type.unit
    if unit == "s":  # Seconds that cannot be an item's time must not overflow into one that can.
        sensible = compute.and_(compute.greater(numbers, 0), compute.less_equal(numbers, TS_MS_MAX // 1_000))
        numbers = compute.multiply(compute.if_else(sensible, numbers, -1), 1_000)
    elif unit != "ms":
        numbers = compute.divide(numbers, _UNITS[unit] // 1_000)
    return numbers


def _within_years(column: pa.ChunkedArray) -> pa.ChunkedArray:
    unit = _UNITS[column.type.unit]
    numbers = column.cast(pa.int64())
    first, last = max(_FIRST_S * unit, -_INT64_MAX), min(_LAST_S * unit, _INT64_MAX)
    known = compute.and_(compute.greater_equal(numbers, first), compute.less_equal(numbers, last))
    return column if compute.all(known).as_py() else compute.if_else(known, column, pa.scalar(None, column.type))


def _has_times(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or any(_has_times(kind.field(place).type) for place in range(kind.num_fields))


def _check_readable(name: str, column: pa.ChunkedArray) -> None:
    try:
        column.to_pylist()
    except OverflowError as error:
        raise ValueError(f"column {name} has a time that is beyond the years 1 to 9999") from error
