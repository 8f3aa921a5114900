"""Whole numbers as bytes of seven bits each, the lowest first: small numbers, as most are, take one byte."""

import numpy as np

from operators.arrays import Ints

BITS, MORE = 7, 0x80
LOW = MORE - 1


def varints_of(numbers: Ints) -> bytes:
    """Return numbers, none negative, as bytes; the highest bit of a byte says that its number goes on.

    >>> varints_of(np.array([1, 127, 128, 0])).hex(" ")
    '01 7f 80 01 00'
    """
    bytes_of = np.ones(len(numbers), np.int64)
    for shift in range(BITS, int(numbers.max(initial=0)).bit_length(), BITS):
        bytes_of += numbers >> shift > 0
    starts = np.cumsum(bytes_of) - bytes_of
    out = np.zeros(int(bytes_of.sum()), np.uint8)
    for at in range(int(bytes_of.max(initial=0))):
        own = np.flatnonzero(bytes_of > at)
        more = np.where(bytes_of[own] > at + 1, MORE, 0)
        out[starts[own] + at] = numbers[own] >> BITS * at & LOW | more
    return out.tobytes()


def of_varints(data: bytes) -> Ints:
    """Return the numbers that `varints_of` wrote as these bytes.

    >>> of_varints(bytes.fromhex("01 7f 80 01 00")).tolist()
    [1, 127, 128, 0]
    """
    all_bytes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(all_bytes < MORE)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    numbers = np.zeros(len(ends), np.int64)
    for at in range(int((ends - starts).max(initial=-1)) + 1):
        own = np.flatnonzero(starts + at <= ends)
        numbers[own] |= (all_bytes[starts[own] + at].astype(np.int64) & LOW) << BITS * at
    return numbers
