"""CSV files as batches of columns whose types do not depend on where in the file a value stands."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

BLOCK_BYTES = 16 << 20  # Read at once; of the first one types are made.
SEPARATORS = ";\t|"  # That others use.


class WrongTable(ValueError):
    """The file is no table that can be read."""


def csv_batches(path: Path, rows: int, is_text: Callable[[str], bool]) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """Return the rows of a file, at most `rows` at once, and what columns it has; `is_text` says which hold texts.

    Of the others those of whole numbers are read as numbers: the next block may have fractions. WrongTable;
    pyarrow.ArrowInvalid.
    """
    guessed = _opened(path, {}).schema
    (first, *others) = guessed.names
    separator = next((each for each in SEPARATORS if each in first), None)
    if not others and separator is not None:
        raise WrongTable(f"its columns must be separated by commas, not by {separator!r}")
    types: dict[str, pa.DataType] = {}
    for field in guessed:
        if is_text(field.name):
            types[field.name] = pa.string()
        elif pa.types.is_binary(field.type):
            raise WrongTable(f"column {field.name!r} is not in UTF-8")
        elif pa.types.is_integer(field.type):
            types[field.name] = pa.float64()
    stream = _opened(path, types)
    return _cut(stream, rows), stream.schema


def _opened(path: Path, types: dict[str, pa.DataType]) -> csv.CSVStreamingReader:
    convert = csv.ConvertOptions(strings_can_be_null=True, column_types=types)
    return csv.open_csv(path, csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=convert)


def _cut(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)
