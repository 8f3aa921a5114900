"""Values as arrays of plain values, each headed by a code for what it stands for.

    leaf:       None, a flag, a number of 64 bits, a text, bytes, an array, a time
    container:  [LIST | TUPLE | SET | FROZENSET, column], [DICT, column of keys, column of values]
    object:     [OBJECT, class, value of each field]
    column:     [PLAIN, values], [NUMBERS, least, rest], [TABLE, class, columns], [TUPLES, columns],
                [RECORDS, keys, columns], [SHARED, column, places]

A class is a number: its place in a list of classes (name, version, names of fields) that is saved once. Columns save
time and space: thousands of series are a few arrays and lists of texts, not thousands of objects. An object that occurs
several times in a column is saved once, and is one object again when it is read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from operators.saved.arrays import to_bytes
from operators.saved.registry import Registry, Unsavable

LIST, TUPLE, SET, FROZENSET, DICT, OBJECT = range(6)
PLAIN, NUMBERS, TABLE, TUPLES, RECORDS, SHARED = range(6)
ARRAY, SCALAR, TIME = 1, 2, 3  # Types of MessagePack extensions.
CONTAINERS: dict[type, int] = {list: LIST, tuple: TUPLE, set: SET, frozenset: FROZENSET}
LEAVES = frozenset({type(None), bool, int, float, str, bytes})
MANY = 8  # With fewer values than this a column of one kind is not worth it.

_encode = msgspec.msgpack.Encoder().encode


def to_bytes_of(registry: Registry, *values: object) -> bytes:
    """Return values as bytes, to be read by `decode.from_bytes_of`. Unsavable."""
    writer = _Writer(registry)
    written = [writer.value(each) for each in values]
    try:
        return _encode([writer.classes, *written])
    except OverflowError as error:
        raise Unsavable("a whole number of more than 64 bits cannot be saved") from error


class _Writer:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._numbers: dict[type, int] = {}
        self.classes: list[tuple[str, int, tuple[str, ...]]] = []  # Name, version and fields, by number.

    def value(self, value: Any) -> Any:
        kind = type(value)
        if kind in LEAVES:
            return value
        if kind in CONTAINERS:
            return [CONTAINERS[kind], self._column(list(value))]
        if kind is dict:
            return [DICT, self._column(list(value)), self._column(list(value.values()))]
        if isinstance(value, np.ndarray | np.generic):
            return _array(value)
        if kind is datetime:
            return msgspec.msgpack.Ext(TIME, value.isoformat().encode())
        return [OBJECT, self._class(kind), *map(self.value, self._registry.by_kind[kind].values_of(value))]

    def _class(self, kind: type) -> int:
        """Return the number of a class, which it gets when it first occurs."""
        if kind not in self._numbers:
            saved = self._registry.by_kind.get(kind)
            if saved is None:
                raise Unsavable(
                    f"{kind.__module__}.{kind.__qualname__} is in the saved state, and has no name in "
                    "operators/saved_names.py"
                )
            self._numbers[kind] = len(self.classes)
            self.classes.append((saved.name, saved.version, saved.names))
        return self._numbers[kind]

    def _column(self, values: list[Any]) -> list[Any]:
        kinds = set(map(type, values))
        if len(values) >= MANY:
            made = self._made(values, kinds)
            if made is not None:
                return made
        return [PLAIN, *values] if kinds <= LEAVES else [PLAIN, *map(self.value, values)]

    def _made(self, values: list[Any], kinds: set[type]) -> list[Any] | None:
        """Return many values as a column of one kind, None if that gains nothing."""
        if kinds == {int}:
            return _numbers(values)
        # Texts are the same if they are equal, all else if it is one object: for 1 and 1.0 are equal, too.
        keys = values if kinds == {str} else list(map(id, values))
        if 2 * len(set(keys)) <= len(values):
            return self._shared(values, keys)
        if len(kinds) != 1 or kinds <= LEAVES:
            return None
        (kind,) = kinds
        if kind in (tuple, dict):
            return self._tuples(values) if kind is tuple else self._records(values)
        saved = self._registry.by_kind.get(kind)
        if saved is None or not saved.names:
            return None
        return [TABLE, self._class(kind), *map(self._column, saved.columns_of(values))]

    def _shared(self, values: list[Any], keys: list[Any]) -> list[Any]:
        first = dict(zip(keys, values, strict=True))
        place = {key: at for at, key in enumerate(first)}
        places = np.fromiter(map(place.__getitem__, keys), np.min_scalar_type(len(first)), len(keys))
        return [SHARED, self._column(list(first.values())), _array(places)]

    def _tuples(self, values: list[tuple[Any, ...]]) -> list[Any] | None:
        widths = set(map(len, values))
        return None if widths != {len(values[0])} or widths == {0} else [TUPLES, *self._columns(values)]

    def _records(self, values: list[dict[Any, Any]]) -> list[Any] | None:
        """Return dictionaries with the same few keys as a column, None if they are not."""
        keys = list(values[0])
        if not keys or len(keys) > MANY or set(map(type, keys)) != {str} or any(list(each) != keys for each in values):
            return None
        return [RECORDS, keys, *self._columns([list(each.values()) for each in values])]

    def _columns(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        return [self._column(list(column)) for column in zip(*rows, strict=True)]


def _numbers(values: list[int]) -> list[Any] | None:
    try:
        least = min(values)
        rest = np.array(values, np.int64) - least
    except OverflowError:
        return None
    highest = int(rest.max())
    if rest.min() < 0:  # They lie too far apart for 64 bits.
        return None
    return [NUMBERS, least, _array(rest.astype(np.min_scalar_type(highest)))]


def _array(array: np.ndarray[Any, Any] | np.generic) -> msgspec.msgpack.Ext:
    try:
        if isinstance(array, np.generic):
            return msgspec.msgpack.Ext(SCALAR, to_bytes(np.asarray(array)))
        return msgspec.msgpack.Ext(ARRAY, to_bytes(array))
    except TypeError as error:
        raise Unsavable(str(error)) from error
