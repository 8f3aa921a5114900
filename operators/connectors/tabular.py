"""Tables in files, CSV and Parquet, read as if each row had come as an event.

A column is named for a field of events (`latency_ms`, `slices.region`, `features.amount`, ...); any other is a feature.
A row without id, time, model or version gets what stands for them, so that a training table needs none.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from operators.ingest.messages import Messages
from operators.wire.events import TS_MS_MIN, Event

SUFFIXES = (".csv", ".parquet")
ROWS = 10_000  # Handed on at once.
NESTED = ("features", "metrics", "slices")
FIELDS = frozenset(Event.__struct_fields__) - {"kind"}  # That is asked for only to tell feedback from events.
NAMES = ("request_id", "model", "version", "session_id", "user_id")
NOBODY = "-"  # Stands for a model or version that no column names.
NEEDED: dict[str, Any] = {"ts": TS_MS_MIN, "model": NOBODY, "version": NOBODY}
Advanced = Callable[[int], None]  # Called with how many bytes of the file were read, as far as that is known.


class TableReader:
    """Reads the rows of a table; `columns` are its names. OSError where the file is no such table."""

    def __init__(self, path: Path, received_ms: int, advanced: Advanced) -> None:
        self._path, self._received_ms, self._advanced = path, received_ms, advanced
        self._size = path.stat().st_size
        self._position = 1
        try:
            self._batches, self.columns = _opened(path)
        except pa.ArrowInvalid as error:
            raise OSError(f"{path}: {error}") from error

    def read(self) -> Messages | None:
        """Return some next rows as JSON, None at the end. OSError where the rest cannot be read."""
        try:
            batch = next(self._batches, None)
        except pa.ArrowInvalid as error:
            raise OSError(f"{self._path}: {error}") from error
        if batch is None:
            self._advanced(self._size)
            return None
        first, self._position = self._position, self._position + batch.num_rows
        rows = batch.to_pylist()
        return Messages(
            values=[_event(row, f"{self._path.name}/{number}") for number, row in enumerate(rows, first)],
            positions=range(first, self._position),
            received_ms=np.full(len(rows), self._received_ms),
        )

    def close(self) -> None:
        self._batches = iter(())


def _opened(path: Path) -> tuple[Iterator[pa.RecordBatch], list[str]]:
    if path.suffix == ".parquet":
        table = parquet.ParquetFile(path)
        return table.iter_batches(ROWS), table.schema_arrow.names
    stream = csv.open_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    return _cut(stream), stream.schema.names


def _cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS):
            yield batch.slice(start, ROWS)


def _event(row: dict[str, Any], name: str) -> bytes:
    """Return a row as the JSON of an event; what is missing in it is not there."""
    event: dict[str, Any] = {"request_id": name, **NEEDED}
    for column, value in row.items():
        field, dot, inner = column.partition(".")
        if value is None:
            continue
        if dot and field in NESTED:
            event.setdefault(field, {})[inner] = value
        elif column in FIELDS:
            event[column] = str(value) if column in NAMES else value
        else:
            event.setdefault("features", {})[column] = value
    if isinstance(event["ts"], datetime) and event["ts"].tzinfo is None:
        event["ts"] = event["ts"].replace(tzinfo=UTC)
    return msgspec.json.encode(event, enc_hook=str)
