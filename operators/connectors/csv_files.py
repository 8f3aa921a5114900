"""CSV files as batches of columns whose types do not depend on the position of a value in the file."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

BLOCK_BYTES = 16 << 20  # Read at once; the first one determines the types.
SEPARATORS = ";\t|"  # Separators other than the comma.
HEADER_BYTES = 1 << 16
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_COLUMN = re.compile(r"CSV column #(\d+): CSV conversion error to \w+: invalid value '(.*)'")  # Arrow's message.


class WrongTable(ValueError):
    """The file is not a readable table."""


def csv_batches(path: Path, rows: int, is_text: Callable[[str], bool]) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """Return the rows of a file, at most `rows` at once, and its schema; `is_text` tells which columns hold texts.

    Other columns of whole numbers are read as floats, as the next block may have fractions. Whole numbers that begin
    with a 0 are texts (zip codes). WrongTable; pyarrow.ArrowInvalid.
    """
    _check_header(path)
    guessed = _opened(path, {}).schema
    types: dict[str, pa.DataType] = {}
    for field in guessed:
        if field.name != field.name.strip():
            raise WrongTable(
                f"the name of column {field.name!r} has spaces around it: no field of an event would be it"
            )
        if is_text(field.name):
            types[field.name] = pa.string()
        elif pa.types.is_binary(field.type):
            raise WrongTable(f"column {field.name!r} is not in UTF-8")
        elif pa.types.is_integer(field.type):
            types[field.name] = pa.float64()
    types |= dict.fromkeys(_codes(path, [name for name, of in types.items() if of == pa.float64()]), pa.string())
    stream = _opened(path, types)
    return _cut(stream, rows), stream.schema


def _check_header(path: Path) -> None:
    """WrongTable where the first line shows another encoding, or another separator."""
    with pa.input_stream(str(path)) as stream:
        header = bytes(stream.read(HEADER_BYTES)).partition(b"\n")[0]
    if header.startswith(UTF_16):
        raise WrongTable("it is in UTF-16: write it in UTF-8")
    separator = next((each for each in SEPARATORS if each.encode() in header), None)
    if separator is not None and b"," not in header:
        raise WrongTable(f"its columns must be separated by commas, not by {separator!r}, and decimals written as 1.5")


def _codes(path: Path, names: list[str]) -> list[str]:
    """Return the columns of whole numbers of which some begin with a 0 in the first block."""
    if not names:
        return []
    batch = _opened(path, dict.fromkeys(names, pa.string())).read_next_batch()
    return [name for name in names if pc.any(pc.match_substring_regex(batch[name], r"^[+-]?0\d")).as_py()]


def _opened(path: Path, types: dict[str, pa.DataType]) -> csv.CSVStreamingReader:
    convert = csv.ConvertOptions(strings_can_be_null=True, column_types=types)
    return csv.open_csv(path, csv.ReadOptions(block_size=BLOCK_BYTES), convert_options=convert)


def _cut(stream: csv.CSVStreamingReader, rows: int) -> Iterator[pa.RecordBatch]:
    try:
        for batch in stream:
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)
    except pa.ArrowInvalid as error:
        if (found := _COLUMN.search(str(error))) is None:
            raise
        name = stream.schema.names[int(found[1])]
        raise WrongTable(f"column {name!r} holds numbers before, and then {found[2]!r}: missing is empty") from error
