"""The field that a slice's window is compared with where a verdict needs means and deviations, not only shares.

Counts are those of `by_slice.expected_of`. Mean and deviation are those of the slice and of the window's hours, as
counted, where parts differ by more than chance and had as many numbers as a verdict takes; else those of the hour of
all days, or of the whole. For an hour of a slice both are combined: the mean moves by the differences of both from the
whole, deviations multiply, and the result is worth as many values as the smaller of the two.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from operators.profiles.by_slice import dimensions_of, expected_of
from operators.profiles.part_moments import added_parts
from operators.profiles.profile import HOURS, Field, Moments, PartMoments
from operators.profiles.seasons import CHANCE, DAY_HOURS, hours_covered
from operators.profiles.slice_hours import own_hours
from operators.spans import HOUR_MS
from operators.stats.magnitude import standardised

NUMBERS_MIN = 30  # Numbers of a part: contracts and tests of means take no fewer.


def expected_fields(field: Field, start: int, window_ms: int, texts: Sequence[str]) -> Sequence[Field]:
    """Return the field to compare each slice's window with, holding that slice and those hours alone."""
    if field.hours is msgspec.UNSET and field.slices is msgspec.UNSET:
        return [field] * len(texts)
    first = start // HOUR_MS
    hours = max((start + window_ms - 1) // HOUR_MS - first + 1, 1)
    return _expected(field, first, HOURS if window_ms % (HOURS * HOUR_MS) == 0 else hours, tuple(texts))


@lru_cache(maxsize=500)  # Windows that end each minute are compared with the same field for an hour.
def _expected(field: Field, first: int, hours: int, texts: Sequence[str]) -> Sequence[Field]:
    """Return the fields for windows that touch `hours` hours from the `first` on [hours since 1970]."""
    start, window_ms = first * HOUR_MS, hours * HOUR_MS
    counts = np.rint(expected_of(field, start, window_ms, texts)).astype(np.int64).tolist()
    whole, hour, slices = field.without_parts(), _of_hours(field, start, window_ms), _of_slices(field)
    own = {text: each for text, each in own_hours(field).items() if text in texts}
    of_own = {text: (each.without_parts(), _of_hours(each, start, window_ms), None) for text, each in own.items()}
    return tuple(
        _holding(tuple(row), *of_own.get(text, (whole, hour, slices.get(text))))
        for row, text in zip(counts, texts, strict=True)
    )


def _holding(counts: tuple[int, ...], whole: Field, hour: PartMoments | None, of_slice: PartMoments | None) -> Field:
    if not any(counts[: whole.missing]):
        counts = whole.counts
    moments = whole.moments
    for part in (of_slice, hour):
        if moments is not None and whole.moments is not None and part is not None:
            moments = _moved(moments, whole.moments, part)
    return msgspec.structs.replace(whole, counts=counts, moments=moments)


def _moved(moments: Moments, whole: Moments, part: PartMoments) -> Moments:
    """Return moments moved as much as a part differs from the whole."""
    if moments is whole:
        return msgspec.structs.replace(whole, n=part.n, mean=part.mean, sd=part.sd)
    mean = min(max(moments.mean + (part.mean - whole.mean), whole.low), whole.high)
    sd = moments.sd * (part.sd / whole.sd) if whole.sd > 0 else moments.sd
    return msgspec.structs.replace(whole, n=min(moments.n, part.n), mean=mean, sd=sd)


def _of_hours(field: Field, start: int, window_ms: int) -> PartMoments | None:
    """Return the moments of the window's hours; None: take those of the whole."""
    covered = hours_covered(start, window_ms, field.zone)
    if field.hour_moments is msgspec.UNSET or len(covered) == HOURS:
        return None
    days = _of_days(field.hour_moments)
    weekly = _differing(field.moments, field.hour_moments, field.design_effect)
    if not weekly and not _differing(field.moments, days, field.design_effect):
        return None
    own = added_parts([field.hour_moments[hour] for hour in covered])
    if weekly and own.n >= NUMBERS_MIN:
        return own
    of_days = added_parts([days[time] for time in sorted({hour % DAY_HOURS for hour in covered})])
    return of_days if of_days.n >= NUMBERS_MIN else None


@lru_cache(maxsize=1_000)
def _of_days(hours: tuple[PartMoments, ...]) -> tuple[PartMoments, ...]:
    """Return the moments of each hour of the day, over all days."""
    return tuple(added_parts(hours[time::DAY_HOURS]) for time in range(DAY_HOURS))


@lru_cache(maxsize=1_000)
def _of_slices(field: Field) -> dict[str, PartMoments]:
    """Return the moments of slices with enough numbers, for dimensions whose slices differ."""
    groups: dict[tuple[str, ...], dict[str, PartMoments]] = {}
    for text, part in () if field.slice_moments is msgspec.UNSET else field.slice_moments:
        groups.setdefault(dimensions_of(text), {})[text] = part
    found: dict[str, PartMoments] = {}
    for parts in groups.values():
        if _differing(field.moments, tuple(parts.values()), field.design_effect):
            found |= {text: part for text, part in parts.items() if part.n >= NUMBERS_MIN}
    return found


@lru_cache(maxsize=1_000)
def _differing(whole: Moments | None, parts: tuple[PartMoments, ...], design: float) -> bool:
    """Tell whether means or deviations of parts differ by more than chance."""
    some = [each for each in parts if each.n >= NUMBERS_MIN]
    if whole is None or len(some) < 2 or whole.sd <= 0:
        return False
    n = np.array([each.n for each in some], float) / design
    means = standardised(np.array([each.mean for each in some]), whole.mean, whole.sd)
    sds = np.log(np.maximum([each.sd / whole.sd for each in some], 1e-9))
    kurtosis = max(whole.kurtosis, 1.5)
    return _beyond_chance(n * means**2) or _beyond_chance(n * sds**2 * 4 / (kurtosis - 1))


def _beyond_chance(squares: Iterable[float]) -> bool:
    """Tell whether squared standard errors add up to more than those of as many equal parts."""
    each = np.asarray(squares)
    return bool(each.sum() > len(each) - 1 + CHANCE * (2.0 * (len(each) - 1)) ** 0.5)
