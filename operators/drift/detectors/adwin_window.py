"""Converts the window of river's ADWIN to numbers and back: river 0.26 reads and writes it as bytes, unchecked.

Layout, little-endian: HEAD, the number of rows of buckets; for each row ROW, the number of sums, the sums, the number
of variances, the variances; then TAIL. Bytes of another layout end the interpreter's thread in river, so only what was
taken apart here is put together again.
"""

import struct
from typing import Any

import numpy as np

HEAD = struct.Struct("<dIQddddddIIQ")  # Settings; total, variance, width and sum of squares; ticks and counts.
COUNT = struct.Struct("<Q")
ROW = struct.Struct("<QQ")  # Buckets that a row may have, and those that it has.
TAIL = struct.Struct("<dIQII")  # The settings again.
PLACES = 2  # Position, in HEAD and TAIL, of the number of buckets that a row may have.


def window_numbers(packed: bytes) -> dict[str, Any]:
    """Return river's bytes as numbers. ValueError if they have another layout."""
    head = HEAD.unpack_from(packed)
    (rows,) = COUNT.unpack_from(packed, HEAD.size)
    size = head[PLACES] + 1
    whole = ROW.size + 2 * (COUNT.size + 8 * size)
    start, end = HEAD.size + COUNT.size, len(packed) - TAIL.size
    if end - start != rows * whole:
        raise ValueError("river lays out the window of an ADWIN in another way than version 0.26")
    row = np.dtype(
        [("counts", "<u8", 2), ("n", "<u8"), ("sums", "<f8", size), ("m", "<u8"), ("variances", "<f8", size)]
    )
    buckets = np.frombuffer(packed[start:end], row)
    numbers = {
        "head": head,
        "counts": buckets["counts"].copy(),
        "sums": buckets["sums"].copy(),
        "variances": buckets["variances"].copy(),
        "tail": TAIL.unpack_from(packed, end),
    }
    if packed_of(numbers) != packed:
        raise ValueError("river lays out the window of an ADWIN in another way than version 0.26")
    return numbers


def packed_of(numbers: dict[str, Any]) -> bytes:
    """Return numbers as river's bytes. ValueError, TypeError, LookupError: they are no window."""
    counts, sums, variances = numbers["counts"], numbers["sums"], numbers["variances"]
    size = numbers["head"][PLACES] + 1
    if not (counts.shape == (len(counts), 2) and sums.shape == variances.shape == (len(counts), size)):
        raise ValueError("the window of an ADWIN has rows of another length")
    try:
        parts = [HEAD.pack(*numbers["head"]), COUNT.pack(len(counts))]
        for held, of_sums, of_variances in zip(counts.tolist(), sums, variances, strict=True):
            parts += [ROW.pack(*held), COUNT.pack(size), of_sums.astype("<f8").tobytes()]
            parts += [COUNT.pack(size), of_variances.astype("<f8").tobytes()]
        return b"".join([*parts, TAIL.pack(*numbers["tail"])])
    except struct.error as error:
        raise ValueError("the window of an ADWIN has other numbers") from error
