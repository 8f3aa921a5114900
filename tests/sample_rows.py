"""Valid rows of every table, the same for the same arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.store.columns import TABLES, Kind
from operators.store.rows import Coded, Column, Ragged, Rows

Numbers = NDArray[np.integer[Any]]

START_MS = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC


def sample(table: str, count: int, first: int = 0) -> Rows:
    """Rows `first` .. `first + count - 1` of an endless list in which no two rows have the same key."""
    i = np.arange(first, first + count)
    return Rows(table=table, columns={name: _column(name, kind, i) for name, kind in TABLES[table].items()})


def _column(name: str, kind: Kind, i: Numbers) -> Column:
    return (_BY_NAME.get(name) or _BY_KIND.get(kind) or _texts(name))(i)


def _texts(name: str) -> Callable[[Numbers], Column]:
    return lambda i: [f"{name}-{k % 3}" for k in i.tolist()]


def _lists(i: Numbers) -> Column:
    """Row i holds the i % 4 numbers from i % 300 on."""
    lengths = i % 4
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.repeat(i % 300 - offsets[:-1], lengths) + np.arange(offsets[-1])
    return Ragged(flat=flat, offsets=offsets)


_REGIONS = [f"r{k}" for k in range(5)]

_BY_NAME: dict[str, Callable[[Numbers], Column]] = {
    "model": lambda i: Coded(values=["m"], codes=np.zeros(len(i), np.int8)),
    "slice": lambda i: Coded(values=[f"region={region}" for region in _REGIONS], codes=i % 5),
    "ver": lambda i: i + 1,
    "position": lambda i: i,
    "at": lambda i: START_MS + i * 1_000,
    "id": lambda i: [f"id-{k}" for k in i.tolist()],
}

_BY_KIND: dict[Kind, Callable[[Numbers], Column]] = {
    "map": lambda i: Coded(values=[{"region": region} for region in _REGIONS], codes=i % 5),
    "uint8": lambda i: i % 2,
    "uint8?": lambda i: [None if k % 3 == 0 else k % 2 for k in i.tolist()],
    "uint32": lambda i: i % 200,
    "uint64": lambda i: i % 200,
    "uint64?": lambda i: [None if k % 3 == 0 else k for k in i.tolist()],
    "float32": lambda i: i / 4 + 1,
    "float64": lambda i: i / 4 + 1,
    "float64?": lambda i: np.where(i % 3 == 0, np.nan, i / 8),
    "time_ms": lambda i: START_MS + i // 5 * 10_000,
    "time_ms?": lambda i: [None if k % 7 == 0 else START_MS + k for k in i.tolist()],
    "decimal9": lambda i: [10**20 + k for k in i.tolist()],
    "int16[]": _lists,
    "uint32[]": _lists,
    "uint64[]": _lists,
    "uint8?[]": lambda i: [[None, 1, 0][: k % 4] for k in i.tolist()],
    "float64?[]": lambda i: [[0.5, None][: k % 3] for k in i.tolist()],
    "numbers": lambda i: [{"cpu": k / 8} for k in i.tolist()],
    "string[]": lambda i: [[f"{k - j}" for j in range(k % 3)] for k in i.tolist()],
}
