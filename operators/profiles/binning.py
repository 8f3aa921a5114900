"""Puts a column of values into the bins of a field: one `searchsorted` for numbers, one dictionary for categories."""

import math
from array import array
from collections.abc import Sequence
from typing import cast

import numpy as np

from operators.arrays import Floats, Ints
from operators.profiles.profile import Field
from operators.wire.events import as_text

Value = str | float | None  # Anything else in a feature is not a value: it counts as unseen.
MISSING, TEXT = np.nan, np.inf  # How the column of a number marks a missing value, and text.


def numbers_of(values: Sequence[Value]) -> Floats:
    """Return a column as floats (n,): NaN is missing, +inf is not a number (the wire carries no infinity).

    >>> numbers_of([1, None, "7", 2.5, True]).tolist()
    [1.0, nan, inf, 2.5, 1.0]
    """
    try:
        # It raises for text and None; NumPy would read text as a number.
        return np.frombuffer(array("d", cast(Sequence[float], values)), float)
    except TypeError:
        return np.array(
            [MISSING if value is None else TEXT if isinstance(value, (str, list, dict)) else value for value in values],
            float,
        )


def number_bins(edges: Sequence[float], numbers: Floats) -> Ints:
    """Return the bin of each number (n,), of missing and of text: with E edges 0 .. E, E + 1, E + 2.

    >>> number_bins([0.0, 1.0], np.array([-1, 0, 0.5, 1, np.nan, np.inf])).tolist()
    [0, 1, 1, 2, 3, 4]
    """
    bins = np.searchsorted(edges, numbers, side="right")
    bins[np.isnan(numbers)] = len(edges) + 1
    bins[np.isinf(numbers)] = len(edges) + 2
    return bins


def category_bins(categories: Sequence[str], values: Sequence[Value]) -> Ints:
    """Return the bin of each value (n,), of missing and of unseen: with C categories 0 .. C - 1, C, C + 1.

    >>> category_bins(["1", "card"], ["card", 1.0, None, "cash", True]).tolist()
    [1, 0, 2, 3, 3]
    """
    index: dict[Value, int] = {category: bin_ for bin_, category in enumerate(categories)}
    index[None], unseen = len(categories), len(categories) + 1
    try:
        return np.fromiter(map(index.__getitem__, values), np.int64, len(values))
    except (KeyError, TypeError):  # A list has no hash.
        bins = np.array([index.get(text, unseen) for text in texts_of(values)], np.int64)
        bins[[not is_value(value) for value in values]] = unseen
        return bins


def texts_of(values: Sequence[Value]) -> list[str | None]:
    """Return a column as text, numbers in the one form they have as categories; None: missing, or not a value."""
    return [
        value
        if value is None or isinstance(value, str)
        else as_text(value)
        if is_value(value) and not math.isnan(value)
        else None
        for value in values
    ]


def is_value(value: object) -> bool:
    """Tell whether `value` may be the value of a feature, or a missing one: a text, a number or a boolean."""
    return not isinstance(value, (list, dict))


def bins_of(field: Field, values: Sequence[Value]) -> Ints:
    """Return the bin of each value of a column, (n,): what `numpy.bincount` counts."""
    if field.kind == "number":
        return number_bins(field.edges, numbers_of(values))
    return category_bins(field.categories, values)
