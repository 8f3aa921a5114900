"""Whole numbers as bytes, seven bits of a number in each, the least first; the highest bit says that more follow."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import kernel

BITS, MORE = 7, 0x80
LOW = MORE - 1
Bytes = NDArray[np.uint8]


@kernel
def write_numbers(numbers: Ints, out: Bytes) -> int:
    """Write numbers, none negative, into room for ten bytes each; return how many bytes they took."""
    at = 0
    for number in numbers:
        rest = number
        while rest > LOW:
            out[at] = (rest & LOW) | MORE
            rest >>= BITS
            at += 1
        out[at] = rest
        at += 1
    return at


@kernel
def read_numbers(data: Bytes, numbers: Ints) -> None:
    """Write the numbers that were written as these bytes."""
    at = 0
    for place in range(len(numbers)):
        number, shift = np.int64(0), 0
        while data[at] & MORE:
            number |= np.int64(data[at] & LOW) << shift
            shift += BITS
            at += 1
        numbers[place] = number | np.int64(data[at]) << shift
        at += 1
