"""Log-bucket histograms: every quantile of every union of panes within 1 % of the exact one.

Bucket b holds gamma ** (b - 1) < x <= gamma ** b, gamma = (1 + a) / (1 - a), a = 1 %, and stands for
2 gamma ** b / (gamma + 1), which is within a of everything in it (Masson, Rim, Lee 2019, "DDSketch",
VLDB 12:12, section 2). Magnitudes are clamped to [1e-9, 1e12]. A bucket is named by a `code`: b itself for
positive values, ZERO for zero and -(b + NEGATIVE) for negative ones, so that codes sort as the values do.

All of this follows from ACCURACY. But the tables of the store read codes by the numbers in READ_BY_TABLES (the alias of
`buckets` in infra/clickhouse/0001_panes.sql and in the roll-ups): an accuracy that leads to other numbers is refused
when this module is imported, until a migration makes the tables read them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
MAGNITUDE_MIN, MAGNITUDE_MAX = 1e-9, 1e12
B_MIN = math.ceil(math.log(MAGNITUDE_MIN) / math.log(GAMMA))
B_MAX = math.ceil(math.log(MAGNITUDE_MAX) / math.log(GAMMA))
STEP = 1_000  # Offsets of codes that people read are round: the code of zero, and the offset of negative values.
ZERO = (B_MIN - 1) // STEP * STEP  # Below every positive value,
NEGATIVE = ((-ZERO - B_MIN) // STEP + 1) * STEP  # and above every negative one.
CODE_MIN, CODE_MAX = -(B_MAX + NEGATIVE), B_MAX
CODE_BITS = (CODE_MAX - CODE_MIN).bit_length()  # Codes, shifted to start at 0, stay below 2 ** CODE_BITS.
READ_BY_TABLES = (-2_000, 4_000)  # ZERO and NEGATIVE.
if (ZERO, NEGATIVE) != READ_BY_TABLES or np.iinfo(np.int16).min > CODE_MIN:
    raise ValueError(
        f"an accuracy of {ACCURACY} needs {ZERO} for zero, {NEGATIVE} for negative values, codes from {CODE_MIN} on: "
        f"the tables of the store read {READ_BY_TABLES[0]} and {READ_BY_TABLES[1]}, in 16 bits"
    )


# EDGES[i] is the upper end of bucket B_MIN + i.
EDGES: Floats = np.power(GAMMA, np.arange(B_MIN, B_MAX + 1, dtype=np.float64))


def codes_of(values: Floats) -> Ints:
    """Return the bucket code of each finite value, any shape.

    >>> codes_of(np.array([1.0, 0.0, 100.0, -100.0])).tolist()
    [0, -2000, 231, -4231]
    """
    magnitudes = np.clip(np.abs(values), MAGNITUDE_MIN, MAGNITUDE_MAX)
    # The logarithm may differ in its last bits between processors and positions in a vector, so it only proposes
    # the bucket or the one below; the edges decide.
    buckets: Ints = np.ceil(np.log(magnitudes) * (1 / math.log(GAMMA)) - 1e-3).astype(np.int64)
    np.clip(buckets, B_MIN, B_MAX, out=buckets)
    buckets += magnitudes > EDGES[buckets - B_MIN]
    np.minimum(buckets, B_MAX, out=buckets)
    if values.size and values.min() > 0:
        return buckets
    signed = np.where(values > 0, buckets, -(buckets + NEGATIVE))
    return np.where(values == 0, ZERO, signed)


def values_of(codes: NDArray[np.integer[Any]]) -> Floats:
    """Return the value that stands for each bucket code, any shape: the inverse of `codes_of` within 1 %.

    >>> values_of(np.array([0, -2000, 231, -4231])).round(2).tolist()
    [0.99, 0.0, 100.49, -100.49]
    """
    wide = codes.astype(np.int64)
    negative = wide < ZERO
    buckets = np.where(negative, -wide - NEGATIVE, wide)
    magnitudes = 2 * np.power(GAMMA, buckets.astype(np.float64)) / (GAMMA + 1)
    return np.where(wide == ZERO, 0.0, np.where(negative, -magnitudes, magnitudes))
