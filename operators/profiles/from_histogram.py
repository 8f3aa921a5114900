"""A reference field from the log-bucket histogram of a measure, as the store keeps it, instead of from its values.

Cuts lie between buckets, so a value falls into the same bin as the bucket that it was counted in: the counts are exact,
and quantiles are within 2 % of where those of the values would be. Deviation, skewness and kurtosis are those of the
middles of the buckets, within 1 % of each value.
"""

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.profiles.build import cuts_of, moments_of_weighted
from operators.profiles.profile import Field
from operators.stats.histogram import GAMMA, NEGATIVE, ZERO, values_of


class Bucketed(msgspec.Struct, frozen=True, kw_only=True):
    """One measure: bucket `codes` (K,) rising, `counts` (K,), and what is known exactly; `missing` had no value."""

    codes: Ints
    counts: Ints
    total: float
    low: float
    high: float
    missing: int = 0


def bucketed_field(measure: Bucketed, bins: int) -> Field:
    """Return the field of a measure with one value or more."""
    lower = lower_edges(measure.codes)
    cuts = cuts_of(lower, measure.counts, bins)
    places = np.searchsorted(cuts, lower, side="right")
    counts = np.bincount(places, weights=measure.counts, minlength=len(cuts) + 1).astype(np.int64)
    n = int(measure.counts.sum())
    moments = moments_of_weighted(values_of(measure.codes), measure.counts)
    return Field(
        kind="number",
        edges=tuple(cuts.tolist()),
        counts=(*counts.tolist(), measure.missing, 0),
        cardinality=len(measure.codes),
        moments=msgspec.structs.replace(moments, mean=measure.total / n, low=measure.low, high=measure.high),
    )


def lower_edges(codes: Ints) -> Floats:
    """Return the smallest number of each bucket; a positive one holds gamma ** (b - 1) < x <= gamma ** b.

    >>> bool(lower_edges(np.array([1]))[0] > 1)
    True
    """
    wide = codes.astype(np.int64)
    positive = np.nextafter(np.power(GAMMA, (wide - 1).astype(float)), np.inf)
    negative = -np.power(GAMMA, (-wide - NEGATIVE).astype(float))
    return np.where(wide > ZERO, positive, np.where(wide == ZERO, 0.0, negative))
