"""Builds the reference profile of columns: a training snapshot, a version's first week, the last week.

Reads each column once, in memory, and gives the same profile for the same values in any order.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from operators.arrays import Floats, Ints
from operators.profiles.binning import TEXT, Value, bins_of, category_bins, number_bins, numbers_of, texts_of
from operators.profiles.profile import (
    BINS,
    CATEGORIES_MAX,
    RESIDUAL,
    Centroids,
    Components,
    Field,
    Moments,
    Profile,
    rounding,
)
from operators.stats.magnitude import scaled, unscaled


def build(
    columns: Mapping[str, Sequence[Value]],
    bins: int = BINS,
    embedding: Centroids | None = None,
    components: Components | UnsetType = UNSET,
    categories: Collection[str] = (),
) -> Profile:
    """Return the profile of columns of equal or different length; None and NaN are missing values.

    `components` are those that the residual's column was made with. `categories` names columns whose numbers are names.

    ValueError: fewer than two bins, or a column without any value.

    >>> profile = build({"amount": [1.0, 2.0, 2.0, 3.0, None], "card": ["visa", "visa", "amex", None, "visa"]})
    >>> profile.fields["amount"].edges, profile.fields["amount"].counts
    ((2.0, 3.0), (1, 2, 1, 1, 0))
    >>> profile.fields["card"].categories, profile.fields["card"].counts
    (('amex', 'visa'), (1, 3, 1, 0))
    """
    if bins < 2:
        raise ValueError(f"bins must be at least 2, got {bins!r}")
    fields = {}
    for name, values in columns.items():
        numbers = numbers_of(values)
        texts, present = int((numbers == TEXT).sum()), int((~np.isnan(numbers)).sum())
        if not present:
            raise ValueError(f"field {name!r} has no value among {len(values)}")
        # A few texts among numbers are faults of the producer, not categories.
        is_number = 2 * texts < present and name not in categories
        fields[name] = number_field(numbers, bins) if is_number else category_field(values)
    if components is not UNSET:
        fields[RESIDUAL] = msgspec.structs.replace(fields[RESIDUAL], components=components)
    return Profile(fields=fields, embedding=embedding)


def build_like(columns: Mapping[str, Sequence[Value]], like: Profile) -> Profile:
    """Return the profile of columns in the bins of another one, field by field; fields in only one are left out.

    >>> like = build({"amount": [1.0, 2.0, 3.0]})
    >>> build_like({"amount": [0.5, 9.0, None], "card": ["visa"]}, like).fields["amount"].counts
    (1, 0, 1, 1, 0)
    """
    return Profile(fields={name: _like(known, columns[name]) for name, known in like.fields.items() if name in columns})


def _like(known: Field, values: Sequence[Value]) -> Field:
    numbers = numbers_of(values)
    finite = np.sort(numbers[np.isfinite(numbers)]) if known.kind == "number" else np.zeros(0)
    distinct = len(np.unique(finite)) if len(finite) else len({text for text in texts_of(values) if text is not None})
    return msgspec.structs.replace(
        known.without_parts(),
        counts=_counts(bins_of(known, values), known.bins),
        cardinality=distinct,
        moments=moments_of(finite) if len(finite) else None,
        design=UNSET,
        timezone=UNSET,
    )


def number_field(numbers: Floats, bins: int = BINS) -> Field:
    """Return the field of a column that `numbers_of` returned."""
    finite = np.sort(numbers[np.isfinite(numbers)])
    distinct, counts = np.unique(finite, return_counts=True)
    # A constant gets a bin of its own, between smaller and larger values.
    cuts = around(float(distinct[0])) if len(distinct) == 1 else cuts_of(distinct, counts, bins)
    edges = tuple(cuts.tolist())
    return Field(
        kind="number",
        edges=edges,
        counts=_counts(number_bins(edges, numbers), len(edges) + 3),
        cardinality=len(distinct),
        moments=moments_of(finite),
    )


def category_field(values: Sequence[Value]) -> Field:
    """Return the field of a column of categories; among equally frequent ones the first in order are listed."""
    seen = Counter(text for text in texts_of(values) if text is not None)
    ranked = sorted(seen, key=lambda text: (-seen[text], text))
    listed = tuple(sorted(ranked[:CATEGORIES_MAX]))
    counts = _counts(category_bins(listed, values), len(listed) + 2)
    return Field(kind="category", categories=listed, counts=counts, cardinality=len(seen))


def moments_of(finite: Floats) -> Moments:
    """Return the moments of one or more numbers in rising order."""
    return moments_of_weighted(finite, np.ones(len(finite), np.int64))


def moments_of_weighted(rising: Floats, counts: Ints) -> Moments:
    """Return the moments of numbers in rising order, each as often as `counts` says."""
    n = int(counts.sum())
    values, exponent = scaled(rising)
    # By rounding, the mean of equal values may differ from them, which would give a deviation where there is none.
    mean = min(max(float((values * counts).sum() / n), float(values[0])), float(values[-1]))
    off = values - mean
    variance = float((off**2 * counts).sum() / n)
    flat = variance <= 0
    return Moments(
        n=n,
        mean=unscaled(mean, exponent),
        sd=unscaled((variance * n / max(n - 1, 1)) ** 0.5, exponent),
        skewness=0.0 if flat else float((off**3 * counts).sum() / n / variance**1.5),
        kurtosis=3.0 if flat else float((off**4 * counts).sum() / n / variance**2),
        low=float(rising[0]),
        high=float(rising[-1]),
    )


def around(number: float) -> Floats:
    """Return cuts on both sides of a number, further off than another way of rounding moves it."""
    room = rounding(number)
    return np.array([number - room, number + room])


def cuts_of(rising: Floats, counts: Ints, bins: int) -> Floats:
    """Return rising cuts at some of the distinct numbers, each as often as `counts` says.

    Every bin between them holds some number. A field with few distinct values gets a bin for each.
    """
    if len(rising) <= bins:
        return rising[1:]
    upto = np.cumsum(counts)
    at = np.arange(1, bins) * int(upto[-1]) // bins
    cuts: Floats = np.unique(rising[np.searchsorted(upto, at, side="right")])
    # A cut at the smallest value would leave the first bin empty.
    return np.asarray(cuts[cuts > rising[0]], float)


def _counts(bins: Ints, size: int) -> tuple[int, ...]:
    return tuple(np.bincount(bins, minlength=size).tolist())
