"""Rows of a table made one: what is said of a whole column, as its conversion is, then costs once and not per piece.

A pane gives each shard a few dozen rows of each table, and every column of every piece cost the same again.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np

from operators.store.rows import Coded, Column, Ragged, Rows


def joined_rows(pieces: Iterable[Rows]) -> Iterator[Rows]:
    """Return the same rows of one table in the same order, in as few pieces as can be.

    Pieces are joined whose columns are of the same kinds, so that every value stays of the type that it is of.
    """
    for kinds, alike in groupby(pieces, _kinds):
        some = list(alike)
        if len(some) == 1 or None in kinds:
            yield from some
        else:
            columns = {name: _joined([piece.columns[name] for piece in some]) for name in some[0].columns}
            yield Rows(table=some[0].table, columns=columns)


def _kinds(rows: Rows) -> tuple[object, ...]:
    """Return of what kind each column is; None of one that is not to be joined."""
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
    """Tell whether each code has a value: who converts a column alone says which row has none."""
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
    """Values that are one object stay one: names of series come in many pieces."""
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
