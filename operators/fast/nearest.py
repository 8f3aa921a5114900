"""The double that is nearest to a decimal number of up to 19 digits.

Source: D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and Experience 51 (2021), the algorithm
of Eisel and Lemire. A power of ten is known to 128 bits; where these do not decide, the number is left to Python.
"""

import numpy as np

from operators.fast.compiled import inlined
from operators.fast.words import double_of, upper_product, zero_bits_above

POWER_MIN, POWER_MAX = -27, 40  # Powers of ten; numbers beyond are left to Python.
MANTISSA = 52  # Bits.
BELOW = np.uint64(64 - MANTISSA - 3)  # Bits of a product that only affect the rounding of the mantissa.
ROUNDING = np.uint64((1 << 9) - 1)
ALL, ZERO, ONE, THREE = np.uint64(2**64 - 1), np.uint64(0), np.uint64(1), np.uint64(3)
IMPLIED = np.uint64(1 << MANTISSA)
TOP = np.uint64(63)


def _power(power: int) -> tuple[int, int]:
    """Return the first 128 bits of a power of ten, cut off where it is at least 1, else of the next above."""
    if power >= 0:
        value = 10**power
        bits = value << 128 >> value.bit_length()
    else:
        divisor = 10**-power
        bits = (1 << (128 + divisor.bit_length() - 1)) // divisor + 1
    return bits >> 64, bits & (2**64 - 1)


_powers = [_power(power) for power in range(POWER_MIN, POWER_MAX + 1)]
UPPER = np.array([upper for upper, _ in _powers], np.uint64)
LOWER = np.array([lower for _, lower in _powers], np.uint64)


@inlined
def product(value: np.uint64, power: int) -> tuple[np.uint64, np.uint64]:
    """Return the upper and the lower bits of a value times the bits of a power of ten."""
    place = power - POWER_MIN
    high, low = upper_product(value, UPPER[place]), value * UPPER[place]
    if high & ROUNDING == ROUNDING:
        more = upper_product(value, LOWER[place])
        low += more
        if more > low:
            high += ONE
    return high, low


@inlined
def rounded(high: np.uint64, low: np.uint64, power: int) -> tuple[np.uint64, np.uint64]:
    """Return the mantissa, rounded to nearest, ties to even, and how far the product went beyond its place."""
    beyond = high >> TOP
    mantissa = high >> (beyond + BELOW)
    # Exactly between two doubles, which is only possible for these powers.
    if low <= ONE and -4 <= power <= 23 and mantissa & THREE == ONE and mantissa << (beyond + BELOW) == high:
        mantissa &= ~ONE
    return (mantissa + (mantissa & ONE)) >> ONE, beyond


@inlined
def nearest_double(value: np.uint64, power: int) -> tuple[bool, float]:
    """Return value * 10 ** power as the nearest double, and whether that is certain."""
    if value == ZERO:
        return True, 0.0
    if power < POWER_MIN or power > POWER_MAX:
        return False, 0.0
    zeros = zero_bits_above(value)
    high, low = product(value << zeros, power)
    if low == ALL:
        return False, 0.0
    mantissa, beyond = rounded(high, low, power)
    exponent = ((217706 * power) >> 16) + 63 + np.int64(beyond) - np.int64(zeros) + 1023
    if mantissa >= IMPLIED << ONE:
        mantissa, exponent = IMPLIED, exponent + 1
    return True, double_of((mantissa & ~IMPLIED) | np.uint64(exponent) << np.uint64(MANTISSA))
