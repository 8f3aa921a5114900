"""Rows on their way to a table: columns of equal length, cheap to build by the thousand and to pass on.

Engine-free and database-free; `connectors/clickhouse/client.py` turns a `Rows` into one Arrow table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class Coded(msgspec.Struct, frozen=True, kw_only=True):
    """A column of few distinct values: row i holds `values[codes[i]]`."""

    values: Sequence[Any]
    codes: NDArray[np.integer[Any]]  # shape (rows,)

    def __len__(self) -> int:
        return len(self.codes)


class Ragged(msgspec.Struct, frozen=True, kw_only=True):
    """A column of lists: row i holds `flat[offsets[i]:offsets[i + 1]]`."""

    flat: NDArray[Any] | Sequence[Any]  # shape (offsets[-1],)
    offsets: NDArray[np.integer[Any]]  # shape (rows + 1,), starts at 0, never falls

    def __len__(self) -> int:
        return len(self.offsets) - 1


def same(value: Any, count: int) -> Coded:
    """Return a column that holds `value` in all of `count` rows."""
    return Coded(values=[value], codes=np.zeros(count, np.int8))


Column = NDArray[Any] | Sequence[Any] | Coded | Ragged


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one table of `operators/store/columns.py`, by column; every column of the table, of equal length.

    `large`: they may hold much data, such as texts, so that not all rows of an epoch can be kept in memory.
    """

    table: str
    columns: Mapping[str, Column]
    large: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))
