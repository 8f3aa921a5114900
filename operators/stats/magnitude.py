"""Numbers of any size in a unit of their own: powers of them neither overflow nor vanish."""

import sys

import numpy as np

from operators.arrays import Floats

FLOAT_MAX = sys.float_info.max


def scaled(values: Floats) -> tuple[Floats, int]:
    """Return finite values times 2 ** -e, and e: the largest is then from 1 to 2. A power of two rounds nothing.

    >>> scaled(np.array([3.0, -6.0]))
    (array([ 0.75, -1.5 ]), 2)
    """
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1]) - 1
    return np.ldexp(values, -exponent), exponent


def unscaled(value: float, exponent: int) -> float:
    """Return value * 2 ** e, at most the largest float: JSON knows no infinity."""
    with np.errstate(over="ignore"):
        return float(np.clip(np.ldexp(value, exponent), -FLOAT_MAX, FLOAT_MAX))
