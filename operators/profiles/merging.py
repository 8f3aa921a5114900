"""Merges profiles of several times into one: counts in the same bins are added up."""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from operators.profiles.part_moments import added_parts
from operators.profiles.profile import Centroids, Field, Moments, PartMoments, Profile
from operators.profiles.slice_hours import added_hours
from operators.stats.magnitude import scaled, unscaled


class NotMergeable(ValueError):
    """The profiles do not have the same bins."""


def merged(profiles: Sequence[Profile]) -> Profile:
    """Return the sum of one or more profiles with the same bins, such as those built `--like` the first of them.

    A field that only some of them have is the sum of those. The number of distinct values is the largest of the
    profiles: the true number lies between that and the sum. NotMergeable.

    >>> from operators.profiles.build import build
    >>> monday = build({"amount": [1.0, 2.0, 4.0]})
    >>> merged([monday, monday]).fields["amount"].counts
    (2, 2, 2, 0, 0)
    """
    names = dict.fromkeys(name for profile in profiles for name in profile.fields)
    fields = {
        name: _field(name, [profile.fields[name] for profile in profiles if name in profile.fields]) for name in names
    }
    embeddings = [profile.embedding for profile in profiles if profile.embedding is not None]
    return Profile(fields=fields, embedding=_centroids(embeddings) if embeddings else None)


def _field(name: str, fields: Sequence[Field]) -> Field:
    first = fields[0]
    for field in fields:
        if _bins(field) != _bins(first):
            raise NotMergeable(f"field {name} has other bins in one of the profiles: build it with --like the other")
    zones = {field.zone for field in fields if field.hours is not UNSET}
    if len(zones) > 1:
        raise NotMergeable(f"field {name} has hours of {' and '.join(sorted(zones))}: build both with one --timezone")
    moments = [field.moments for field in fields if field.moments is not None]
    return msgspec.structs.replace(
        first,
        counts=_added([field.counts for field in fields]),
        cardinality=max(field.cardinality for field in fields),
        moments=added_moments(moments) if moments else None,
        hours=_hours(fields),
        slices=_slices(fields),
        hour_moments=_hour_moments(fields),
        slice_moments=_slice_moments(fields),
        slice_hours=added_hours(fields),
        design=_design(fields),
        timezone=next((field.timezone for field in fields if field.hours is not UNSET), UNSET),
    )


def _bins(field: Field) -> object:
    """Return what defines a field's bins."""
    return field.kind, field.edges, field.categories, field.components


def _slices(fields: Sequence[Field]) -> tuple[tuple[str, tuple[int, ...]], ...] | UnsetType:
    """Return the counts of slices, added up over the fields that have slices."""
    known = [dict(field.slices) for field in fields if field.slices is not UNSET]
    if not known:
        return UNSET
    texts = sorted({text for each in known for text in each})
    return tuple((text, _added([each[text] for each in known if text in each])) for text in texts)


def _hours(fields: Sequence[Field]) -> tuple[tuple[int, ...], ...] | UnsetType:
    """Return the counts of the hours of the week, added up over the fields that have some, or an update loses them."""
    known = [field.hours for field in fields if field.hours is not UNSET]
    return tuple(_added(hour) for hour in zip(*known, strict=True)) if known else UNSET


def _hour_moments(fields: Sequence[Field]) -> tuple[PartMoments, ...] | UnsetType:
    known = [field.hour_moments for field in fields if field.hour_moments is not UNSET]
    # Where one field has counted hours without their moments, the moments of the sum are unknown.
    if len(known) < sum(field.hours is not UNSET for field in fields) or not known:
        return UNSET
    return tuple(added_parts(hour) for hour in zip(*known, strict=True))


def _slice_moments(fields: Sequence[Field]) -> tuple[tuple[str, PartMoments], ...] | UnsetType:
    known = [dict(field.slice_moments) for field in fields if field.slice_moments is not UNSET]
    if len(known) < sum(field.slices is not UNSET for field in fields) or not known:
        return UNSET
    texts = sorted({text for each in known for text in each})
    return tuple((text, added_parts([each[text] for each in known if text in each])) for text in texts)


def _design(fields: Sequence[Field]) -> float | UnsetType:
    """Return the mean design effect; events of a profile that does not know it count as one each."""
    if all(field.design is UNSET for field in fields):
        return UNSET
    return float(np.average([field.design_effect for field in fields], weights=[field.rows for field in fields]))


def _centroids(some: Sequence[Centroids]) -> Centroids:
    if any(each.centres != some[0].centres for each in some):
        raise NotMergeable("the embeddings have other clusters in one of the profiles: build it with --like the other")
    return msgspec.structs.replace(some[0], counts=_added([each.counts for each in some]))


def _added(counts: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(np.sum(np.array(counts, np.int64), axis=0).tolist())


def added_moments(some: Sequence[Moments]) -> Moments:
    """Return the moments of all values together, from those of their parts (P. Pebay, SAND2008-6212, eq. 2.1, 3.1).

    >>> from operators.profiles.build import moments_of
    >>> of = lambda *values: moments_of(np.array(values, float))
    >>> whole, parts = of(1, 2, 3, 9), added_moments([of(1, 2), of(3, 9)])
    >>> [abs(getattr(parts, name) - getattr(whole, name)) < 1e-9 for name in ("mean", "sd", "skewness", "kurtosis")]
    [True, True, True, True]
    """
    n = np.array([each.n for each in some], float)
    total = n.sum()
    share = n / total
    ends, exponent = scaled(np.array([end for each in some for end in (each.low, each.high)]))
    means = np.ldexp([each.mean for each in some], -exponent)
    mean = min(max(float((share * means).sum()), float(ends.min())), float(ends.max()))
    off = means - mean
    second = np.ldexp([each.sd for each in some], -exponent) ** 2 * np.maximum(n - 1, 0) / n
    third = np.array([each.skewness for each in some]) * second**1.5
    fourth = np.array([each.kurtosis for each in some]) * second**2
    variance = float((share * (second + off**2)).sum())
    cubed = float((share * (third + 3 * off * second + off**3)).sum())
    fourths = float((share * (fourth + 4 * off * third + 6 * off**2 * second + off**4)).sum())
    flat = variance <= 0
    return Moments(
        n=int(total),
        mean=unscaled(mean, exponent),
        sd=unscaled((variance * total / max(total - 1, 1)) ** 0.5, exponent),
        skewness=0.0 if flat else cubed / variance**1.5,
        kurtosis=3.0 if flat else fourths / variance**2,
        low=min(each.low for each in some),
        high=max(each.high for each in some),
    )
