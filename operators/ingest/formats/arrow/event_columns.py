"""Tables of events to columns, without a Python object per event: only where every value is surely valid.

Anything odd (a type, a length, a number, a kind, one of rollguard's own names) leaves the whole table to the decoder,
which says what is wrong with which row.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from operators.arrays import Floats, Ints
from operators.ingest.formats.arrow.rows import NESTED
from operators.wire.events import COST_MAX, INTEGER_MAX, NUMBER_MAX, TEXT_MAX, TS_MS_MAX, TS_MS_MIN

NEEDED = ("request_id", "ts", "model", "version")
Columns = Mapping[str, pa.Array]
Check = Callable[[pa.Array], bool]


def event_columns_of(table: pa.Table) -> Columns | None:
    """Return the columns of events by name, those of structs as `slices.region`; None where any may be invalid."""
    columns: dict[str, pa.Array] = {}
    for name, chunked in zip(table.column_names, table.columns, strict=True):
        whole = chunked.combine_chunks()
        column = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
        if name in NESTED and pa.types.is_struct(column.type):
            fields = zip(column.type, column.flatten(), strict=True)
            found = {f"{name}.{field.name}": inner for field, inner in fields}
        else:
            found = {name: column} if column.null_count < len(column) else {}
        if not found.keys().isdisjoint(columns) or not found.keys().isdisjoint(NESTED):
            return None  # With both a column `slices.region` and one in `slices`, each row may use either.
        columns |= found
    if any(name not in columns or columns[name].null_count for name in NEEDED):
        return None
    return columns if all(_check_of(name)(column) for name, column in columns.items()) else None


def float_column(column: pa.Array | None, count: int) -> Floats:
    """Return a column as floats (n,), NaN where it is missing."""
    if column is None:
        return np.full(count, np.nan)
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), float)


def text_codes(column: pa.Array) -> tuple[Ints, list[str]]:
    """Return the code of each text (n,) and the texts that the codes stand for; a missing one is ""."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts: list[str] = [*coded.dictionary.to_pylist(), ""]
    codes = coded.indices.cast(pa.int64()).fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    return codes, texts


def _check_of(name: str) -> Check:
    field, dot, inner = name.partition(".")
    if dot and field in NESTED:
        return _CHECKS[field] if len(inner) <= TEXT_MAX else _never
    return _CHECKS.get(name, _always)


def _always(column: pa.Array) -> bool:
    return True


def _never(column: pa.Array) -> bool:
    return False


def _is_text(column: pa.Array, least: int = 0) -> bool:
    """Whether all are texts no longer than names may be; unused ones of a dictionary may be longer."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary
        if column.null_count:
            return False
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return False
    lengths = compute.min_max(compute.utf8_length(column)).as_py()
    return lengths["max"] is None or (least <= lengths["min"] and lengths["max"] <= TEXT_MAX)


def _is_id(column: pa.Array) -> bool:
    return _is_text(column, least=1)


def _is_number(low: float, high: float) -> Check:
    def check(column: pa.Array) -> bool:
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return False
        numbers = float_column(column, len(column))
        return bool((np.isnan(numbers) | ((numbers >= low) & (numbers <= high))).all())

    return check


def _is_whole(low: int, high: int) -> Check:
    def check(column: pa.Array) -> bool:
        if not pa.types.is_integer(column.type):
            return False
        ends = compute.min_max(column).as_py()
        return ends["min"] is None or (low <= ends["min"] and ends["max"] <= high)

    return check


def _is_flags(column: pa.Array) -> bool:
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return False
    inside = column.flatten()
    return inside.null_count == 0 and _is_text(inside)


_AMOUNT = _is_number(0.0, NUMBER_MAX)
_COUNT = _is_whole(0, INTEGER_MAX)
_CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(("request_id", "model", "version"), _is_id),
    **dict.fromkeys(("error_type", "prompt_version", "endpoint", "team", "session_id", "user_id", "slices"), _is_text),
    **dict.fromkeys(("latency_ms", "ttft_ms"), _AMOUNT),
    **dict.fromkeys(("score", "metrics"), _is_number(-NUMBER_MAX, NUMBER_MAX)),
    **dict.fromkeys(("attempt", "input_tokens", "output_tokens"), _COUNT),
    "ts": _is_whole(TS_MS_MIN, TS_MS_MAX),
    "cost_usd": _is_number(0.0, COST_MAX),
    "mirrored": lambda column: bool(pa.types.is_boolean(column.type)),
    "flags": _is_flags,
    "features": _never,  # A map: its keys may be anything.
    "prediction": lambda column: not pa.types.is_nested(column.type),
    "kind": _never,
}


def is_set(column: pa.Array | None, count: int) -> NDArray[np.bool_]:
    """Return which values are present, (n,)."""
    if column is None:
        return np.zeros(count, bool)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
