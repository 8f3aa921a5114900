"""The ages of the labels of a pane: a label counts in the pane in which it came, and belongs to an earlier request.

A label that came in pane P on a request of pane P - `lag` is `age` panes old, where a part of a pane counts as one:
`age` is `lag` or `lag` + 1. Where it does not say when its request was made, `lag` is 0 and `age` is `UNDATED`.
Counts are sparse: a whole number encodes SLI, good or bad, age and lag, and stands next to the number of labels.
"""

from typing import NamedTuple

import numpy as np

from operators.arrays import Ints

LAG_BITS = 17
LAG_MAX = (1 << LAG_BITS) - 2  # Panes: two weeks of 10 s. Later labels count as if they had this lag.
UNDATED = -1
_UNDATED = 2  # Stands for `UNDATED` where otherwise age - lag is.
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
    """Return lag and age of labels from two times each [Unix ms]; no request counts as made after its label.

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
    """Return the distance between the keys of neighbouring rows."""
    return (slis * _KINDS * 2) << LAG_BITS


def encode(sli: int, bad: Ints, lag: Ints, age: Ints) -> Ints:
    """Return the codes of labels of one SLI, (K,), each below the `width`."""
    kind = np.where(age == UNDATED, _UNDATED, age - lag)
    return ((sli * _KINDS + kind) * 2 + bad) << LAG_BITS | lag


def decode(counts: Ints, slis: int) -> LabelAges:
    """Decode sparse counts (K, 2) of row * width + code, as of `encode`, and n."""
    row, place = np.divmod(counts[:, 0], max(width(slis), 1))
    lag, place = place & ((1 << LAG_BITS) - 1), place >> LAG_BITS
    bad, place = place & 1, place >> 1
    sli, kind = np.divmod(place, _KINDS)
    age = np.where(kind == _UNDATED, UNDATED, lag + kind)
    return LabelAges(row=row, sli=sli, bad=bad, lag=lag, age=age, n=counts[:, 1])
