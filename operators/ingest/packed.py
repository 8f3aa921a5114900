"""Python numbers as arrays: by `struct`, which takes half as long as NumPy or `array`, but refuses None."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from operators.arrays import Floats, Ints

PackError = struct.error


def packed_doubles(values: Sequence[Any]) -> Floats:
    """Return numbers as floats, (n,); PackError where one is not a number.

    >>> packed_doubles([1, 2.5])
    array([1. , 2.5])
    """
    return np.frombuffer(struct.pack(f"{len(values)}d", *values))


def packed_ints(values: Sequence[Any]) -> Ints:
    """Return whole numbers, (n,); PackError where one is not a whole number."""
    return np.frombuffer(struct.pack(f"{len(values)}q", *values), np.int64)
