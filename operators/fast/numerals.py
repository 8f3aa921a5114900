"""Numerals of JSON to numbers, where the nearest double is certain; -1 stands for an end where it is not.

Source for certainty: W. D. Clinger, "How to read floating point numbers accurately" (1990): a whole number below
2 ** 53 times or divided by an exact power of ten is rounded once, and so correctly. Others: `nearest.py`.
"""

import numpy as np

from operators.fast.compiled import inlined
from operators.fast.nearest import nearest_double
from operators.fast.words import WORD, Text, byte_at, rarely, word_at, zero_bits_below

ZERO, DOT, MINUS, PLUS, SMALL_E, LARGE_E = 48, 46, 45, 43, 101, 69
DIGITS_MAX = 18  # More digits may not fit 63 bits.
EXACT_MAX = 1 << 53
POWERS = np.array([10.0**power for power in range(23)])  # All of them are exact.
WHOLE_POWERS = np.array([10**power for power in range(9)], np.int64)
WHOLE_DIGITS_MAX = 15
ZEROS, HIGHS = np.uint64(0x3030303030303030), np.uint64(0x8080808080808080)
ABOVE_NINE = np.uint64(0x7676767676767676)  # Added, it sets the highest bit of each byte above nine.
TEN, BYTE, TWO_BYTES, HALF = np.uint64(10), np.uint64(8), np.uint64(16), np.uint64(32)
TWO_PAIRS = np.uint64(0x000000FF000000FF)
UPPER_FACTORS, LOWER_FACTORS = np.uint64(100 + (1_000_000 << 32)), np.uint64(1 + (10_000 << 32))


@inlined
def value_of(digits: np.uint64) -> int:
    """Return the number of eight digits, each a byte of 0 .. 9, the first the lowest.

    Source: D. Lemire, "Number parsing at a gigabyte per second" (2021), section 3: pairs, then fours, then all.
    """
    pairs = digits * TEN + (digits >> BYTE)
    upper, lower = (pairs & TWO_PAIRS) * UPPER_FACTORS, ((pairs >> TWO_BYTES) & TWO_PAIRS) * LOWER_FACTORS
    return int(np.int64((upper + lower) >> HALF))


@inlined
def digits(text: Text, at: int, value: int) -> tuple[int, int]:
    """Return the end of the digits that begin here, and `value` with them appended."""
    while True:
        word = word_at(text, at) ^ ZEROS
        count = zero_bits_below(((word + ABOVE_NINE) | word) & HIGHS) >> 3
        if count == 0:
            return at, value
        # Shift out bytes that are not digits, so that zeros precede the digits.
        value = value * WHOLE_POWERS[np.uint64(count)] + value_of(word << np.uint64(64 - 8 * count))
        at += count
        if count < WORD:
            return at, value


@inlined
def whole_number(text: Text, at: int) -> tuple[int, int]:
    """Return the end of a whole number >= 0 of at most 15 digits, and the number."""
    end, value = digits(text, at, 0)
    size = end - at
    if size == 0 or size > WHOLE_DIGITS_MAX or (size > 1 and byte_at(text, at) == ZERO):
        rarely()
        return -1, 0
    if byte_at(text, end) == DOT or byte_at(text, end) == SMALL_E or byte_at(text, end) == LARGE_E:
        rarely()
        return -1, 0
    return end, value


@inlined
def exponent(text: Text, at: int) -> tuple[int, int]:
    """Return the end of an exponent from its `e` on, and its value; 0 if there is none."""
    if byte_at(text, at) != SMALL_E and byte_at(text, at) != LARGE_E:
        return at, 0
    at += 1
    negative = byte_at(text, at) == MINUS
    if negative or byte_at(text, at) == PLUS:
        at += 1
    end, value = digits(text, at, 0)
    if end == at or end - at > 3:
        return -1, 0
    return end, -value if negative else value


@inlined
def times_power(value: int, power: int) -> tuple[bool, float]:
    """Return value * 10 ** power as the nearest double, if that is certain."""
    if value > EXACT_MAX or power < -22 or power > 22:
        return nearest_double(np.uint64(value), power)
    if power < 0:
        return True, float(value) / POWERS[np.uint64(-power)]
    return True, float(value) * POWERS[power]


@inlined
def significant(text: Text, start: int, end: int) -> int:
    """Return the number of digits, with a point if any, after leading zeros."""
    while start < end and (byte_at(text, start) == ZERO or byte_at(text, start) == DOT):
        start += 1
    return end - start


@inlined
def number(text: Text, at: int) -> tuple[int, float]:
    """Return the end of a number >= 0, and the number."""
    start = at
    at, value = digits(text, at, 0)
    if at == start or (at - start > 1 and byte_at(text, start) == ZERO):
        rarely()
        return -1, 0.0
    point = at
    if byte_at(text, at) == DOT:
        at, value = digits(text, at + 1, value)
        if at == point + 1:
            rarely()
            return -1, 0.0
    fraction = max(at - point - 1, 0)
    if at - start > DIGITS_MAX and significant(text, start, at) > DIGITS_MAX:
        rarely()
        return -1, 0.0
    at, power = exponent(text, at)
    sure, found = times_power(value, power - fraction)
    if not sure:
        rarely()
        return -1, 0.0
    return at, found
