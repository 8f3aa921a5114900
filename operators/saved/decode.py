"""Reads what `encode` wrote: any bytes give only plain values and objects of registered classes, or an error."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from operators.saved import encode as code
from operators.saved.arrays import from_bytes
from operators.saved.registry import UNKNOWN, Registry, Saved, Unreadable

CONTAINERS: dict[int, type] = {number: kind for kind, number in code.CONTAINERS.items()}
# The errors that bytes of another shape can cause, also in the classes' own `__setstate__`.
FAULTS = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
    msgspec.MsgspecError,
)  # fmt: skip


def from_bytes_of(registry: Registry, data: bytes) -> list[Any]:
    """Return the values that `encode.to_bytes_of` wrote. Unreadable."""
    try:
        classes, *values = msgspec.msgpack.decode(data, ext_hook=_extension)
        reader = _Reader(registry, classes)
        return [reader.value(each) for each in values]
    except FAULTS as error:
        raise Unreadable(f"it is broken ({type(error).__name__})") from error


def _extension(number: int, data: memoryview) -> object:
    if number == code.TIME:
        return datetime.fromisoformat(bytes(data).decode())
    if number not in (code.ARRAY, code.SCALAR):
        raise ValueError(f"no extension {number}")
    array = from_bytes(bytes(data))
    return array if number == code.ARRAY else array[()]


class _Reader:
    def __init__(self, registry: Registry, classes: Iterable[Any]) -> None:
        self._classes = [_known(registry, name, version, fields) for name, version, fields in classes]

    def value(self, value: Any) -> Any:
        if type(value) is not list:
            return value
        head, *rest = value
        if head == code.OBJECT:
            number, *fields = rest
            return self._object(number, [self.value(each) for each in fields])
        if head == code.DICT:
            keys, values = rest
            return dict(zip(self._column(keys), self._column(values), strict=True))
        (column,) = rest
        return CONTAINERS[head](self._column(column))

    def _object(self, number: int, values: Iterable[Any]) -> object:
        saved, version, names = self._classes[number]
        fields = dict(zip(names, values, strict=True))
        return saved.make(saved.upgraded(version, fields))

    def _column(self, column: list[Any]) -> list[Any]:
        head, *rest = column
        if head == code.PLAIN:
            return rest if list not in set(map(type, rest)) else [self.value(each) for each in rest]
        if head == code.NUMBERS:
            least, numbers = rest
            return [least + each for each in numbers.tolist()]
        if head == code.SHARED:
            values, places = self._column(rest[0]), rest[1]
            return [values[place] for place in places.tolist()]
        if head == code.TUPLES:
            return self._rows(rest)
        if head == code.RECORDS:
            keys, *columns = rest
            return [dict(zip(keys, row, strict=True)) for row in self._rows(columns)]
        if head == code.TABLE:
            number, *columns = rest
            return [self._object(number, row) for row in self._rows(columns)]
        raise ValueError(f"no column {head}")

    def _rows(self, columns: list[Any]) -> list[tuple[Any, ...]]:
        return list(zip(*[self._column(each) for each in columns], strict=True))


def _known(registry: Registry, name: str, version: int, fields: list[str]) -> tuple[Saved, int, list[str]]:
    saved = registry.by_name.get(name)
    if saved is None:
        raise Unreadable(f"{str(name)[:100]} is not known here: {UNKNOWN}")
    if type(version) is not int or version < 1:
        raise ValueError(f"no version: {version!r}")
    return saved, version, [str(field) for field in chain(fields)]
