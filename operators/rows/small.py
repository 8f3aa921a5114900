"""Small things whose rows are made at once: what is made for a whole column costs more than the few rows it holds."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TypeVar

T = TypeVar("T")

FEW = 500  # Rows of what is small.
TOGETHER = 64  # Small ones at once: their rows take some megabytes.


def small_together(each: Iterable[T], rows_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield all in their order: small ones that follow each other together, others by themselves.

    >>> list(small_together([1, 2, 501, 502, 3], lambda rows: rows))
    [[1, 2], [501], [502], [3]]
    """
    for few, alike in groupby(each, lambda one: rows_of(one) <= FEW):
        some = list(alike)
        step = TOGETHER if few else 1
        for first in range(0, len(some), step):
            yield some[first : first + step]
