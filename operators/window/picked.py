"""Some of many names, by their places in a list of all: of thousands, only those that are read are looked up."""

from collections.abc import Iterator, Sequence
from operator import eq
from typing import Any, TypeVar, overload

from operators.arrays import Ints

T = TypeVar("T")


class Picked(Sequence[T]):
    """The items of `every` at `rows` (len,); `every` may grow at its end.

    >>> import numpy as np
    >>> list(Picked(["a", "b", "c"], np.array([2, 0])))
    ['c', 'a']
    """

    __slots__ = ("every", "rows")

    def __init__(self, every: Sequence[T], rows: Ints) -> None:
        self.every, self.rows = every, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...

    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        return Picked(self.every, self.rows[at]) if isinstance(at, slice) else self.every[int(self.rows[at])]

    def __iter__(self) -> Iterator[T]:
        return map(self.every.__getitem__, self.rows.tolist())

    def pick(self, rows: Ints) -> "Picked[T]":
        """Return some of these, by their places among these."""
        return Picked(self.every, self.rows[rows])

    def __eq__(self, other: object) -> bool:
        """Tell whether another sequence has the same items in the same order."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # Unhashable, as a list.

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only these, not all of `every`."""
        return tuple, (list(self),)


def pick(names: Sequence[T], rows: Ints) -> Picked[T]:
    """Return the names at `rows` (len,)."""
    return names.pick(rows) if isinstance(names, Picked) else Picked(names, rows)
