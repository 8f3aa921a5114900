"""Hops as bytes of seven bits of a number each, lowest first; the highest bit says that more follow.

`operators/window/held_hop.py` describes what is written in which order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel

BITS, MORE = 7, 0x80
LOW = MORE - 1
Bytes = NDArray[np.uint8]


class HopNumbers(NamedTuple):
    """Counts of rows, `events` (W, 1), `slis` (W, 3 * S), `sums` (W, 3 * M), and `cells` (C, 2), whose keys rise."""

    events: Ints
    slis: Ints
    sums: Ints
    cells: Ints


@inlined
def write_number(number: int, out: Bytes, at: int) -> int:
    """Write a number, not negative, in ten bytes at most; return where the next one begins."""
    rest = number
    while rest > LOW:
        out[at] = (rest & LOW) | MORE
        rest >>= BITS
        at += 1
    out[at] = rest
    return at + 1


@inlined
def write_columns(counts: Ints, out: Bytes, at: int) -> int:
    """Write counts column by column, with the sign in the lowest bit; return where the next number begins."""
    for column in range(counts.shape[1]):
        for row in range(counts.shape[0]):
            count = counts[row, column]
            at = write_number(count << 1 ^ count >> 63, out, at)
    return at


@kernel
def write_hop(hop: HopNumbers, out: Bytes) -> int:
    """Write a hop into room for ten bytes a number; return how many bytes it took."""
    at, before = 0, np.int64(0)
    for counts in (hop.events, hop.slis, hop.sums):
        at = write_columns(counts, out, at)
    for cell in range(len(hop.cells)):
        key = hop.cells[cell, 0]
        at = write_number((key - before) << 1 | (hop.cells[cell, 1] > 1), out, at)
        before = key
    for cell in range(len(hop.cells)):
        if hop.cells[cell, 1] > 1:
            at = write_number(hop.cells[cell, 1] - 2, out, at)
    return at


@inlined
def number_at(data: Bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place of the next one."""
    number, shift = np.int64(0), 0
    while data[at] & MORE:
        number |= np.int64(data[at] & LOW) << shift
        shift += BITS
        at += 1
    return int(number | np.int64(data[at]) << shift), at + 1


@inlined
def read_columns(data: Bytes, at: int, counts: Ints) -> int:
    """Read what `write_columns` wrote; return where the next number begins."""
    for column in range(counts.shape[1]):
        for row in range(counts.shape[0]):
            number, at = number_at(data, at)
            counts[row, column] = number >> 1 ^ -(number & 1)
    return at


@kernel
def read_hop(data: Bytes, hop: HopNumbers) -> None:
    """Read what `write_hop` wrote."""
    at, key = 0, np.int64(0)
    for counts in (hop.events, hop.slis, hop.sums):
        at = read_columns(data, at, counts)
    for cell in range(len(hop.cells)):
        token, at = number_at(data, at)
        key += token >> 1
        hop.cells[cell, 0], hop.cells[cell, 1] = key, (token & 1) + 1
    for cell in range(len(hop.cells)):
        if hop.cells[cell, 1] > 1:
            more, at = number_at(data, at)
            hop.cells[cell, 1] += more
