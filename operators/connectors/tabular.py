"""Tables in files, CSV and Parquet, read as if each row were an event.

A column is named for a field of events (`latency_ms`, `slices.region`, `features.amount`, ...); any other is a feature.
A row without id, time, model or version gets placeholders, so that a training table needs none.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from operators.connectors.csv_files import WrongTable, csv_batches
from operators.ingest.messages import Messages
from operators.wire.events import TS_MS_MIN, Event, as_text

UNTYPED = (".csv", ".csv.gz", ".csv.zst")
SUFFIXES = (*UNTYPED, ".parquet")
ROWS = 10_000  # Returned at once.
NESTED = ("features", "metrics", "slices")
FIELDS = frozenset(Event.__struct_fields__) - {"kind"}  # `kind` is only read to tell feedback from events.
TEXTS = (
    *("request_id", "model", "version", "session_id", "user_id"),
    *("error_type", "prompt_version", "endpoint", "team"),
)
NUMBERS = ("attempt", "latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "score")
WHOLE = ("ts", "attempt", "input_tokens", "output_tokens")  # In columns with gaps these are floats.
NOBODY = "-"  # Stands for a model or version that no column names.
NEEDED: dict[str, Any] = {"ts": TS_MS_MIN, "model": NOBODY, "version": NOBODY}
# Raised by pyarrow where it cannot open a table, or convert its values to Python's.
FAULTS = (pa.ArrowException, WrongTable, ValueError, TypeError, OverflowError, KeyError)
Advanced = Callable[[int], None]  # Called with the bytes of the file read so far, if known.


def is_table(path: Path) -> bool:
    """Tell whether a file is a table, by its name."""
    return path.name.lower().endswith(SUFFIXES)


def is_typed(path: Path) -> bool:
    """Tell whether a file has types for its values, texts or numbers."""
    return not path.name.lower().endswith(UNTYPED)


class TableReader:
    """Reads the rows of a table; `columns` are their names. OSError where the file is not such a table.

    `texts` are the columns of a CSV file to read as texts, besides those that always are.
    """

    def __init__(self, path: Path, received_ms: int, advanced: Advanced, texts: Collection[str] = ()) -> None:
        self._path, self._received_ms, self._advanced = path, received_ms, advanced
        self._size = path.stat().st_size
        self._position = 1
        try:
            self._batches, schema = _opened(path, texts)
            self.columns = schema.names
            _check(schema)
        except FAULTS as error:
            raise OSError(f"{path}: {error}") from error

    def read(self) -> Messages | None:
        """Return the next rows as JSON, None at the end. OSError where the rest cannot be read."""
        try:
            batch = next(self._batches, None)
            if batch is not None:
                _check_numbers(batch)
            rows = [] if batch is None else batch.to_pylist(maps_as_pydicts="lossy")
        except FAULTS as error:
            raise OSError(f"{self._path}: after row {self._position - 1}: {error}") from error
        if batch is None:
            self._advanced(self._size)
            return None
        first, self._position = self._position, self._position + batch.num_rows
        return Messages(
            values=[_event(row, f"{self._path.name}/{number}") for number, row in enumerate(rows, first)],
            positions=range(first, self._position),
            received_ms=np.full(len(rows), self._received_ms),
        )

    def close(self) -> None:
        self._batches = iter(())


def _opened(path: Path, texts: Collection[str]) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    if path.suffix.lower() == ".parquet":
        table = parquet.ParquetFile(path)
        return table.iter_batches(ROWS), table.schema_arrow
    return csv_batches(path, ROWS, lambda name: name in texts or name in TEXTS or name.startswith("slices."))


def _check_numbers(batch: pa.RecordBatch) -> None:
    """WrongTable where a numeric field of events holds texts: each of them would be left out."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        number = name in NUMBERS or name.startswith("metrics.")
        if number and _holds_texts(column.type) and column.null_count < len(column):
            text = column.drop_null()[0].as_py()
            raise WrongTable(
                f"column {name!r} has texts, such as {text!r}: it needs numbers like 1.5, and nothing else"
            )


def _holds_texts(of: pa.DataType) -> bool:
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_dictionary(of))


def _check(schema: pa.Schema) -> None:
    """WrongTable where two columns have the same name, or one that should hold named fields holds none."""
    for field in schema:
        if schema.names.count(field.name) > 1:
            raise WrongTable(f"several columns are named {field.name!r}")
        kinds = (pa.types.is_struct, pa.types.is_map, pa.types.is_null)
        if field.name in NESTED and not any(test(field.type) for test in kinds):
            example = f"{field.name}.NAME"
            raise WrongTable(f"column {field.name!r} holds no struct but {field.type}: give each a column, {example}")


def _event(row: dict[str, Any], name: str) -> bytes:
    """Return a row as the JSON of an event, without missing values."""
    event: dict[str, Any] = {"request_id": name, **NEEDED}
    for column, value in row.items():
        field, dot, inner = column.partition(".")
        if value is None:
            continue
        if column in NESTED:
            for each, inside in value.items():
                _put(event, column, each, inside)
        elif dot and field in NESTED:
            _put(event, field, inner, value)
        elif column in FIELDS:
            event[column] = as_text(value) if column in TEXTS else _whole(value) if column in WHOLE else _plain(value)
        else:
            _put(event, "features", column, value)
    if isinstance(event["ts"], datetime) and event["ts"].tzinfo is None:
        event["ts"] = event["ts"].replace(tzinfo=UTC)
    return msgspec.json.encode(event, enc_hook=str)


def _put(event: dict[str, Any], field: str, name: str, value: Any) -> None:
    if value is not None:
        event.setdefault(field, {})[name] = as_text(value) if field == "slices" else _plain(value)


def _plain(value: Any) -> Any:
    """Return a value; a decimal as a float, as its JSON would be a text."""
    return float(value) if isinstance(value, Decimal) else value


def _whole(value: Any) -> Any:
    number = _plain(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number
