"""A reference field from the log-bucket histogram of a measure, as the store keeps it, instead of from its values.

Cuts lie between buckets, so a value falls into the same bin as its bucket: counts are exact, and quantiles are within
2 % of those of the values. Deviation, skewness and kurtosis are those of the buckets' middles, within 1 % of each
value.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.profiles.build import cuts_of, moments_of_weighted
from operators.profiles.local_time import UTC
from operators.profiles.profile import HOURS, Field, PartMoments
from operators.stats.histogram import GAMMA, NEGATIVE, ZERO, values_of


class Bucketed(msgspec.Struct, frozen=True, kw_only=True):
    """One measure: bucket `codes` (K,) rising, `counts` (K,), and what is known exactly."""

    codes: Ints
    counts: Ints
    total: float
    low: float
    high: float


def added_measures(some: Sequence[Bucketed]) -> Bucketed:
    """Return the buckets of one or more measures, added up."""
    codes, of = np.unique(np.concatenate([each.codes for each in some]), return_inverse=True)
    counts = np.bincount(of, np.concatenate([each.counts for each in some])).astype(np.int64)
    low, high = min(each.low for each in some), max(each.high for each in some)
    return Bucketed(codes=codes, counts=counts, total=math.fsum(each.total for each in some), low=low, high=high)


def bucketed_field(measure: Bucketed, bins: int, missing: int) -> Field:
    """Return the field of a measure with one value or more, which `missing` events lack."""
    cuts = cuts_of(lower_edges(measure.codes), measure.counts, bins)
    n = int(measure.counts.sum())
    moments = moments_of_weighted(values_of(measure.codes), measure.counts)
    return Field(
        kind="number",
        edges=tuple(cuts.tolist()),
        counts=(*_counts(measure, cuts), missing, 0),
        cardinality=len(measure.codes),
        moments=msgspec.structs.replace(moments, mean=measure.total / n, low=measure.low, high=measure.high),
    )


def bucketed_hours(field: Field, hours: Mapping[int, Bucketed], missing: Ints, zone: str) -> Field:
    """Return a measure's field with its hours of the week; `missing` (168,) counts events without a value."""
    cuts, empty = np.array(field.edges), [0] * (len(field.edges) + 1)
    counts = [_counts(hours[hour], cuts) if hour in hours else empty for hour in range(HOURS)]
    return msgspec.structs.replace(
        field,
        hours=tuple((*own, lacking, 0) for own, lacking in zip(counts, missing.tolist(), strict=True)),
        hour_moments=tuple(_moments(hours[hour]) if hour in hours else PartMoments() for hour in range(HOURS)),
        timezone=UNSET if zone == UTC else zone,
    )


def _counts(measure: Bucketed, cuts: Floats) -> list[int]:
    places = np.searchsorted(cuts, lower_edges(measure.codes), side="right")
    found: list[int] = np.bincount(places, measure.counts, len(cuts) + 1).astype(np.int64).tolist()
    return found


def _moments(measure: Bucketed) -> PartMoments:
    of = moments_of_weighted(values_of(measure.codes), measure.counts)
    return PartMoments(n=of.n, mean=measure.total / of.n, sd=of.sd)


def lower_edges(codes: Ints) -> Floats:
    """Return the smallest number of each bucket; a positive one holds gamma ** (b - 1) < x <= gamma ** b.

    >>> bool(lower_edges(np.array([1]))[0] > 1)
    True
    """
    wide = codes.astype(np.int64)
    positive = np.nextafter(np.power(GAMMA, (wide - 1).astype(float)), np.inf)
    negative = -np.power(GAMMA, (-wide - NEGATIVE).astype(float))
    return np.where(wide > ZERO, positive, np.where(wide == ZERO, 0.0, negative))
