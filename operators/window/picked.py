"""Some of many names, by their places in a list of all: thousands of them are looked up only where somebody asks."""

from collections.abc import Iterator, Sequence
from operator import eq
from typing import Any, TypeVar, overload

from operators.arrays import Ints

T = TypeVar("T")


class Picked(Sequence[T]):
    """Those of `every` that stand at `rows` (len,); `every` may grow at its end.

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
        """Return some of these, by their places in these."""
        return Picked(self.every, self.rows[rows])

    def __eq__(self, other: object) -> bool:
        """Tell whether they are the same as those of any sequence, in the same order."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # As that of a list.

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Send these alone to other processes."""
        return tuple, (list(self),)


def pick(names: Sequence[T], rows: Ints) -> Picked[T]:
    """Return those of names that stand at `rows` (len,)."""
    return names.pick(rows) if isinstance(names, Picked) else Picked(names, rows)
