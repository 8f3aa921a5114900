"""How old the labels of a pane are: each counts in the pane in which it came, and belongs to a request before it.

A label that came in pane P on a request of pane P - `lag` is `age` panes old, a part of a pane counting as one: `age`
is `lag` or one more. Of one that does not say when its request was made, `lag` is 0 and `age` is `UNDATED`.
Counts are sparse: a whole number says which of the SLIs, good or bad, age and lag, next to how many.
"""

from typing import NamedTuple

import numpy as np

from operators.arrays import Ints

LAG_BITS = 17
LAG_MAX = (1 << LAG_BITS) - 2  # Panes: two weeks of 10 s. What comes later counts as if it came then.
UNDATED = -1
_UNDATED = 2  # Stands for it where else is age - lag.
_KINDS = 3


class LabelAges(NamedTuple):
    """K counts of labels, (K,) each: `row`, number of the `sli`, whether `bad`, `lag` and `age` in panes, and `n`."""

    row: Ints
    sli: Ints
    bad: Ints
    lag: Ints
    age: Ints
    n: Ints


def lags_of(requested: Ints, came: Ints, pane_ms: int) -> tuple[Ints, Ints]:
    """Return lag and age of labels by two times each [Unix ms]; a request has no time after its label.

    >>> lags_of(np.array([5_000, 15_000, 99_000]), np.array([21_000, 21_000, 21_000]), 10_000)
    (array([2, 1, 0]), array([2, 1, 0]))
    >>> lags_of(np.array([10_000]), np.array([29_999]), 10_000)
    (array([1]), array([2]))
    """
    requested = np.minimum(requested, came)
    lag = came // pane_ms - requested // pane_ms
    age = -((requested - came) // pane_ms)
    return np.minimum(lag, LAG_MAX), np.minimum(age, LAG_MAX + (age > lag))


def width(slis: int) -> int:
    """Return how far the keys of neighbouring rows are apart."""
    return (slis * _KINDS * 2) << LAG_BITS


def encode(sli: int, bad: Ints, lag: Ints, age: Ints) -> Ints:
    """Return what stands for labels of one SLI, (K,), each below the `width`."""
    kind = np.where(age == UNDATED, _UNDATED, age - lag)
    return ((sli * _KINDS + kind) * 2 + bad) << LAG_BITS | lag


def decode(counts: Ints, slis: int) -> LabelAges:
    """Return sparse counts (K, 2) of row * width + what `encode` made, and n."""
    row, place = np.divmod(counts[:, 0], max(width(slis), 1))
    lag, place = place & ((1 << LAG_BITS) - 1), place >> LAG_BITS
    bad, place = place & 1, place >> 1
    sli, kind = np.divmod(place, _KINDS)
    age = np.where(kind == _UNDATED, UNDATED, lag + kind)
    return LabelAges(row=row, sli=sli, bad=bad, lag=lag, age=age, n=counts[:, 1])
