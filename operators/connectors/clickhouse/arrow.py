"""Rows as Arrow tables: the form in which they are sent to ClickHouse.

Whole columns are converted at once; only columns of Python objects (big sums, optional times) cost time
per row. A value that does not fit its column's type raises: nothing is cut, rounded or replaced by a default.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from operators.connectors.clickhouse.coded import coded
from operators.store.columns import TABLES, Kind
from operators.store.rows import Coded, Column, Ragged, Rows

# Raised by the conversions below for a value that does not fit its column.
_MISFIT = (ValueError, TypeError, OverflowError, AttributeError, pa.ArrowException)

_TIME = pa.timestamp("ms", tz="UTC")
_DECIMAL = pa.decimal128(38, 9)
_DECIMAL_LIMIT = 10**38  # In units of 1e-9, as the column holds 38 digits.
_EMPTY: dict[str, Any] = {"str": "", "int": 0, "list": [], "dict": {}, "NoneType": None}
_KEPT_ROWS = 4_000  # Columns of up to so many empty values are made once: at most 32 KB each.


def check_rows(rows: Rows) -> None:
    """ValueError unless `rows` holds exactly the columns of its table, of equal length."""
    wanted = TABLES.get(rows.table)
    if wanted is None:
        raise ValueError(f"table must be one of operators/store/columns.py, got {rows.table!r}")
    if wanted.keys() != rows.columns.keys():
        differing = sorted(wanted.keys() ^ rows.columns.keys())
        raise ValueError(f"columns of {rows.table} missing or unknown: {differing}")
    lengths = {name: len(column) for name, column in rows.columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {rows.table} differ in length: {lengths}")


def to_arrow(rows: Rows) -> pa.Table:
    """Return the columns in the order of the table; ValueError where a value does not fit its column."""
    check_rows(rows)
    return pa.table({name: _column(name, kind, rows.columns[name]) for name, kind in TABLES[rows.table].items()})


def converted(rows: Rows) -> Rows:
    """Return the same rows with Arrow arrays as columns: they are small, and made while the values are in the caches.

    Rows that do not fit are returned unchanged: storing them will show which.
    """
    try:
        table = to_arrow(rows)
    except ValueError:
        return rows
    columns = {name: column.chunk(0) for name, column in zip(table.column_names, table.columns, strict=True)}
    return Rows(table=rows.table, columns=columns, large=rows.large)


def part(rows: Rows, start: int, stop: int) -> Rows:
    """Return rows start..stop - 1, without copying where the column allows it."""
    if (start, stop) == (0, len(rows)):
        return rows
    return Rows(
        table=rows.table,
        columns={name: _slice(column, start, stop) for name, column in rows.columns.items()},
    )


def _slice(column: Column, start: int, stop: int) -> Column:
    match column:
        case Coded():
            return Coded(values=column.values, codes=column.codes[start:stop])
        case Ragged():
            offsets = column.offsets[start : stop + 1]
            return Ragged(flat=column.flat[offsets[0] : offsets[-1]], offsets=offsets - offsets[0])
        case _:
            return column[start:stop]


def _column(name: str, kind: Kind, column: Column) -> pa.Array:
    if isinstance(column, pa.Array):  # The rows were converted before.
        return column
    try:
        array = _coded(kind, column) if isinstance(column, Coded) else _CONVERT[kind](column)
    except _MISFIT as error:
        raise ValueError(f"column {name} must hold {kind}: {error}") from error
    if array.null_count and not kind.endswith("?"):
        # The server would quietly store a default instead.
        raise ValueError(f"column {name} must hold {kind}, got a null")
    return array


def _coded(kind: Kind, column: Coded) -> pa.Array:
    if len(column.values) == 1 and not column.codes.any():
        value, count = column.values[0], len(column)
        if not value and type(value).__name__ in _EMPTY and count <= _KEPT_ROWS:
            return _empty(kind, type(value).__name__, count)
        return _repeated(kind, value, count)
    return coded(kind, column, _CONVERT[kind])


@lru_cache(maxsize=128)
def _empty(kind: Kind, of: str, count: int) -> pa.Array:
    """Return a column of only empty texts, zeros, empty lists or maps, or nulls, as many columns are."""
    return _repeated(kind, _EMPTY[of], count)


def _repeated(kind: Kind, value: Any, count: int) -> pa.Array:
    values = _CONVERT[kind]([value])
    if pa.types.is_nested(values.type):
        return values.take(pa.array(np.zeros(count, np.int32)))
    return pa.repeat(values[0], count)  # Three times as fast.


def _plain(type_: pa.DataType) -> Callable[[Any], pa.Array]:
    return lambda values: pa.array(values, type=type_)


def _nullable_float(values: Any) -> pa.Array:
    return pa.array(values, type=pa.float64(), from_pandas=True)


def _time(values: Any) -> pa.Array:
    return pa.array(values, type=pa.int64()).view(_TIME)


def _decimal(values: Any) -> pa.Array:
    array = values if isinstance(values, np.ndarray) and values.dtype != object else None
    words = _words_of_objects(values) if array is None else _words_of_integers(array)
    return pa.Array.from_buffers(_DECIMAL, len(values), [None, pa.py_buffer(words)])


def _words_of_integers(values: NDArray[Any]) -> bytes:
    """Return two 64-bit words per value, low word first: the value, and its sign."""
    if values.dtype.kind != "i":
        raise TypeError(f"units of 1e-9 must be signed integers, got {values.dtype}")
    words = np.empty((len(values), 2), dtype="<i8")
    words[:, 0] = values
    words[:, 1] = words[:, 0] >> 63
    return words.tobytes()


def _words_of_objects(values: Any) -> bytes:
    """Return the same for Python integers of any size."""
    wide = [value for value in values if not -_DECIMAL_LIMIT < value < _DECIMAL_LIMIT]
    if wide:
        raise OverflowError(f"units of 1e-9 must have at most 38 digits, got {wide[0]}")
    return b"".join(value.to_bytes(16, "little", signed=True) for value in values)


def _lists(item: pa.DataType) -> Callable[[Any], pa.Array]:
    def convert(values: Any) -> pa.Array:
        if not isinstance(values, Ragged):
            return pa.array(values, type=pa.list_(item))
        offsets = pa.array(values.offsets, type=pa.int32())
        return pa.ListArray.from_arrays(offsets, pa.array(values.flat, type=item))

    return convert


def _map(of: pa.DataType) -> Callable[[Any], pa.Array]:
    """Convert all keys and all values at once: map by map would cost ten times as much."""

    def convert(values: Any) -> pa.Array:
        offsets = np.zeros(len(values) + 1, np.int32)
        np.cumsum(list(map(len, values)), out=offsets[1:])
        items = pa.array(list(chain.from_iterable(map(dict.values, values))), type=of)
        return pa.MapArray.from_arrays(pa.array(offsets), _keys(values), items)

    return convert


def _keys(maps: Sequence[dict[str, Any]]) -> pa.Array:
    """Return the keys of all maps; where all have the same in the same order, as usual, at half the cost."""
    keys = list(chain.from_iterable(maps))
    first = list(maps[0]) if len(maps) else []
    if len(first) * len(maps) == len(keys) and first * len(maps) == keys:
        each = np.tile(np.arange(len(first), dtype=np.int32), len(maps))
        return pa.array(first, type=pa.string()).take(pa.array(each))
    return pa.array(keys, type=pa.string())


_CONVERT: dict[Kind, Callable[[Any], pa.Array]] = {
    "string": _plain(pa.string()),
    "uint8": _plain(pa.uint8()),
    "uint8?": _plain(pa.uint8()),
    "uint32": _plain(pa.uint32()),
    "uint64": _plain(pa.uint64()),
    "uint64?": _plain(pa.uint64()),
    "float32": _plain(pa.float32()),
    "float64": _plain(pa.float64()),
    "float64?": _nullable_float,
    "time_ms": _time,
    "time_ms?": _time,
    "decimal9": _decimal,
    "int16[]": _lists(pa.int16()),
    "uint32[]": _lists(pa.uint32()),
    "uint64[]": _lists(pa.uint64()),
    "uint8?[]": _lists(pa.uint8()),
    "float64?[]": _lists(pa.float64()),
    "string[]": _lists(pa.string()),
    "map": _map(pa.string()),
    "numbers": _map(pa.float64()),
}
