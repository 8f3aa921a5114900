"""The arrays that everything is made of; rows of whole-number columns, put in order, and told apart."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def order_by(*columns: Ints) -> Ints:
    """Return the stable order of rows by whole-number columns, the first the most significant.

    Sorts 16 bits at a time, where NumPy has a radix sort: some ten times faster than `np.lexsort`.
    """
    order: Ints | None = None
    for column in reversed(columns):
        low = column.min(initial=0)
        rest = column - low
        highest = int(rest.max(initial=0))
        while highest:
            digits = (rest & 0xFFFF).astype(np.uint16)
            step = np.argsort(digits if order is None else digits[order], kind="stable")
            order = step if order is None else order[step]
            rest, highest = rest >> 16, highest >> 16
    return np.arange(len(columns[0])) if order is None else order


def runs_of(*ordered: Ints) -> NDArray[np.bool_]:
    """Return where a row of sorted columns differs from the one before it; the first row does."""
    changes = np.zeros(len(ordered[0]), bool)
    changes[:1] = True
    for column in ordered:
        changes[1:] |= column[1:] != column[:-1]
    return changes
