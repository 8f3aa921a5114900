"""Numbers of any size in a unit of their own, in which their powers neither overflow nor vanish."""

import sys

import numpy as np

from operators.arrays import Floats

FLOAT_MAX = sys.float_info.max
LARGE = 2.0**960  # Added to the largest float it is rounded away: half a step there is 2 ** 970.


def scaled(values: Floats) -> tuple[Floats, int]:
    """Return finite values times 2 ** -e, and e: the largest is then from 1 to 2. A power of two rounds nothing.

    >>> scaled(np.array([3.0, -6.0]))
    (array([ 0.75, -1.5 ]), 2)
    """
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1]) - 1
    return np.ldexp(values, -exponent), exponent


def unscaled(value: float, exponent: int) -> float:
    """Return value * 2 ** e, limited to the largest float, as JSON has no infinity."""
    with np.errstate(over="ignore"):
        return float(np.clip(np.ldexp(value, exponent), -FLOAT_MAX, FLOAT_MAX))


def standardised(values: Floats, centre: float, scale: float) -> Floats:
    """Return (values - centre) / scale, even where a difference would be beyond the largest float.

    >>> standardised(np.array([-FLOAT_MAX, FLOAT_MAX]), FLOAT_MAX, FLOAT_MAX)
    array([-2.,  0.])
    """
    small = _small(centre, scale)
    with np.errstate(over="ignore"):  # In units of a tiny scale a value may truly be infinite.
        return np.asarray((values * small - centre * small) / (scale * small))


def of_standardised(z: Floats, centre: float, scale: float) -> Floats:
    """Return z * scale + centre, limited to the largest float.

    >>> of_standardised(np.array([-2.0, 3.0]), FLOAT_MAX, FLOAT_MAX) / FLOAT_MAX
    array([-1.,  1.])
    """
    small = _small(centre, scale)
    limit = FLOAT_MAX * small
    return np.asarray(np.clip(z * (scale * small) + centre * small, -limit, limit) / small)


def _small(centre: float, scale: float) -> float:
    """Return the power of two to work in: 1, unless sums of such numbers may exceed the largest float."""
    return 2.0**-16 if max(abs(centre), scale) > LARGE else 1.0
