"""Makes the rows of small things together: the fixed cost of a column is more than that of a few rows."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

FEW = 500  # A thing with at most this many rows is small.
TOGETHER = 4_096  # Rows made at once, or a few more: they take some megabytes.


def small_together(each: Iterable[T], rows_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield all in their order: neighbouring small ones together, others by themselves.

    >>> list(small_together([1, 2, 501, 502, 3], lambda rows: rows))
    [[1, 2], [501], [502], [3]]
    """
    some: list[T] = []
    together = 0
    for one in each:
        rows = rows_of(one)
        if some and (rows > FEW or together >= TOGETHER):
            yield some
            some, together = [], 0
        if rows > FEW:
            yield [one]
            continue
        some.append(one)
        together += rows
    if some:
        yield some
