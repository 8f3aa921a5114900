"""The rows of a table as the JSON of items: people are shown this, and odd rows are decoded from it."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, overload

import msgspec
import pyarrow as pa

from operators.ingest.formats.arrow.batches import arrow_table_of

NESTED = ("features", "metrics", "slices")


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as an item: `slices.region` goes into `slices`, missing values are left out, times are in UTC.

    >>> nested({"ts": 5, "slices.region": "eu", "score": None, "shop.name": "a"})
    {'ts': 5, 'slices': {'region': 'eu'}, 'shop.name': 'a'}
    """
    item: dict[str, Any] = {}
    for column, value in row.items():
        field, dot, inner = column.partition(".")
        if _is_missing(value):
            continue
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)  # noqa: PLW2901
        if dot and field in NESTED:
            inside = item.setdefault(field, {})
            if isinstance(inside, dict):  # Otherwise the field is unusable, as in JSON.
                inside[inner] = value
        elif column in NESTED and isinstance(value, dict):
            item.setdefault(column, {}).update({name: each for name, each in value.items() if not _is_missing(each)})
        else:
            item[column] = value
    return item


def _is_missing(value: Any) -> bool:
    """Whether a value is left out of the JSON: a `null` among `metrics` would be a fault, but in a column it is not."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def row_text(row: dict[str, Any]) -> bytes:
    """Return the JSON of a row, without NaN and infinite numbers."""
    return msgspec.json.encode(nested(row), enc_hook=str)


class RowTexts(Sequence[bytes]):
    """The rows of a table as JSON, each made when it is read."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, which: int) -> bytes: ...

    @overload
    def __getitem__(self, which: slice) -> Sequence[bytes]: ...

    def __getitem__(self, which: int | slice) -> bytes | Sequence[bytes]:
        """Return a row, or the rows of a slice."""
        if isinstance(which, slice):
            return [self[place] for place in range(*which.indices(len(self)))]
        return row_text(self._table.slice(which, 1).to_pylist(maps_as_pydicts="lossy")[0])

    def all(self) -> list[bytes]:
        """Return all rows, faster than one by one."""
        return [row_text(row) for row in self._table.to_pylist(maps_as_pydicts="lossy")]


def row_texts(message: bytes) -> Sequence[bytes]:
    """Return the JSON of a message's items. WrongBatch."""
    return RowTexts(arrow_table_of(message))
