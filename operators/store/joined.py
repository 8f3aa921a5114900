"""Rows of a table joined into one piece: work per column, such as its conversion, is then done once, not per piece.

A pane gives each shard only a few dozen rows of each table, and every column of a piece has a fixed cost.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np

from operators.store.rows import Coded, Column, Ragged, Rows


def joined_rows(pieces: Iterable[Rows]) -> Iterator[Rows]:
    """Return the same rows of one table in the same order, in as few pieces as possible.

    Only pieces with columns of the same kinds are joined, so that every value keeps its type.
    """
    for kinds, alike in groupby(pieces, _kinds):
        some = list(alike)
        if len(some) == 1 or None in kinds:
            yield from some
        else:
            columns = {name: _joined([piece.columns[name] for piece in some]) for name in some[0].columns}
            yield Rows(table=some[0].table, columns=columns)


def _kinds(rows: Rows) -> tuple[object, ...]:
    """Return the kind of each column; None for one that cannot be joined."""
    return tuple(_kind(column) for column in rows.columns.values())


def _kind(column: Column) -> object:
    if isinstance(column, np.ndarray):
        return column.dtype, column.ndim
    if isinstance(column, Coded):
        return Coded if _has_values(column) else None
    if isinstance(column, Ragged):
        whole = column.offsets[0] == 0 and column.offsets[-1] == len(column.flat)
        return (Ragged, _kind(column.flat)) if whole else None
    return list if isinstance(column, list | tuple) else None


def _has_values(column: Coded) -> bool:
    """Tell whether each code has a value; otherwise the column must be converted alone, to name the row without."""
    codes = column.codes
    return not len(codes) or (int(codes.min()) >= 0 and int(codes.max()) < len(column.values))


def _joined(columns: Sequence[Any]) -> Any:
    first = columns[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(columns)
    if isinstance(first, Coded):
        return _joined_coded(columns)
    if isinstance(first, Ragged):
        lengths = np.concatenate([np.diff(column.offsets) for column in columns])
        return Ragged(flat=_joined([column.flat for column in columns]), offsets=np.append(0, np.cumsum(lengths)))
    return list(chain.from_iterable(columns))


def _joined_coded(columns: Sequence[Coded]) -> Coded:
    """Join columns; values that are one object stay one, as names of series come in many pieces."""
    values: list[Any] = []
    number: dict[int, int] = {}
    codes = []
    for column in columns:
        for value in column.values:
            if id(value) not in number:
                number[id(value)] = len(values)
                values.append(value)
        codes.append(np.array([number[id(value)] for value in column.values], np.int64)[column.codes])
    return Coded(values=values, codes=np.concatenate(codes))
