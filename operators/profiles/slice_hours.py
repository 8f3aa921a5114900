"""A slice's own hours of the week, where its nights are not those of the others: a shop in several time zones.

What is expected of a slice in an hour is what is expected of the hour, moved as the slice differs from the whole
(`by_slice.py`). Where the slice's hours of the day differ from that by more than chance, it is compared with its own
hours instead, as if it had a profile of its own (`seasons.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.profiles.binning import Value, bins_of
from operators.profiles.part_moments import added_parts, moments_by
from operators.profiles.profile import HOURS, Field, PartMoments, Profile, SliceHours
from operators.profiles.seasons import CHANCE, DAY_HOURS

SLICES_MAX = 200  # Slices of a field, those with the most values: each takes some 10 KiB.
EXPECTED_MIN = 1.0  # Expected values of a cell that is compared; fewer make chi-square far too large by chance.


class HoursOf(NamedTuple):
    """The slice with this text: counts (168, bins) by hour of the week, and moments of its numbers, if any."""

    text: str
    counts: Ints
    moments: tuple[PartMoments, ...]


def by_slice_and_hour(
    profile: Profile,
    columns: Mapping[str, Sequence[Value]],
    hours: Mapping[str, Ints],
    slices: Mapping[str, Sequence[Sequence[str]]],
) -> Profile:
    """Return a profile with hours and slices, extended by the hours of slices that have hours of their own."""
    fields = {
        name: msgspec.structs.replace(
            field, slice_hours=differing(field, _of_slices(field, columns[name], hours[name], slices[name]))
        )
        for name, field in profile.fields.items()
    }
    return msgspec.structs.replace(profile, fields=fields)


def _of_slices(
    field: Field, values: Sequence[Value], hours: Ints, slices: Sequence[Sequence[str]]
) -> Iterator[HoursOf]:
    """Yield the hours of the week of each slice of a field."""
    bins = bins_of(field, values)
    for texts in slices:
        names, of = np.unique(np.array(texts, object).astype(str), return_inverse=True)
        for number, text in enumerate(names.tolist()):
            rows = np.flatnonzero(of == number)
            counts = np.bincount(hours[rows] * field.bins + bins[rows], minlength=HOURS * field.bins)
            some = [values[row] for row in rows.tolist()] if field.kind == "number" else []
            moments = moments_by(some, hours[rows], HOURS) if some else ()
            yield HoursOf(text, counts.reshape(HOURS, field.bins), moments)


def differing(field: Field, found: Iterable[HoursOf]) -> tuple[SliceHours, ...] | msgspec.UnsetType:
    """Return the hours of a field's slices that have hours of their own, by text."""
    known = {} if field.slices is UNSET else dict(field.slices)
    of_day = np.array(field.hours, float).reshape(-1, DAY_HOURS, field.bins).sum(axis=0)
    own = []
    for text, counts, moments in found:
        if text in known and counts[:, : field.missing].any():
            days = counts.reshape(-1, DAY_HOURS, field.bins).sum(axis=0).astype(float)
            if _has_own(days / field.design_effect, of_day):
                own.append(SliceHours(text=text, counts=tuple(map(tuple, counts.tolist())), moments=moments))
    own.sort(key=lambda each: (-sum(known[each.text]), each.text))
    return tuple(sorted(own[:SLICES_MAX], key=lambda each: each.text)) or UNSET


def _has_own(own: Floats, every: Floats) -> bool:
    """Tell whether a slice's hours of the day (24, B) differ from those of all, moved by the slice's own difference."""
    whole, slice_ = every.sum(axis=0), own.sum(axis=0)
    moved = every * np.where(whole > 0, slice_ / np.maximum(whole, 1), 0.0)
    sizes = moved.sum(axis=1, keepdims=True)
    expected = moved / np.where(sizes > 0, sizes, 1) * own.sum(axis=1, keepdims=True)
    used = expected >= EXPECTED_MIN
    squares = float(((own - expected) ** 2 / np.where(used, expected, 1))[used].sum())
    free = int(used.sum()) - int(used.any(axis=1).sum()) - int(used.any(axis=0).sum()) + 1
    return free > 0 and squares - free > CHANCE * (2.0 * free) ** 0.5


@lru_cache(maxsize=1_000)
def own_hours(field: Field) -> dict[str, Field]:
    """Return each slice with hours of its own as a field of that slice alone, by text."""
    if field.slice_hours is UNSET:
        return {}
    return {each.text: _alone(field, each) for each in field.slice_hours}


def _alone(field: Field, own: SliceHours) -> Field:
    moments, known = field.moments, added_parts(own.moments)
    if moments is not None and known.n:
        moments = msgspec.structs.replace(moments, n=known.n, mean=known.mean, sd=known.sd)
    return msgspec.structs.replace(
        field.without_parts(),
        counts=tuple(np.array(own.counts).sum(axis=0).tolist()),
        moments=moments,
        hours=own.counts,
        hour_moments=own.moments or UNSET,
    )


def added_hours(some: Sequence[Field]) -> tuple[SliceHours, ...] | msgspec.UnsetType:
    """Return the hours of slices, added up over the fields that have them."""
    known: dict[str, list[SliceHours]] = {}
    for field in some:
        for each in () if field.slice_hours is UNSET else field.slice_hours:
            known.setdefault(each.text, []).append(each)
    return tuple(_added(known[text]) for text in sorted(known)) or UNSET


def _added(some: Sequence[SliceHours]) -> SliceHours:
    counts = np.sum([np.array(each.counts, np.int64) for each in some], axis=0).tolist()
    moments: tuple[PartMoments, ...] = ()
    if all(each.moments for each in some):
        moments = tuple(added_parts(hour) for hour in zip(*(each.moments for each in some), strict=True))
    return SliceHours(text=some[0].text, counts=tuple(map(tuple, counts)), moments=moments)
