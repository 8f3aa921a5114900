"""A reference profile from windows that the store has counted in the bins of another one, with hours and slices."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET

from flows.reference.asked import asked
from flows.reference.items import Counted, WrongReference
from flows.reference.options import Options
from flows.reference.users import with_users
from operators.arrays import Ints
from operators.profiles.by_slice import dimensions_of, sliced_by
from operators.profiles.local_time import UTC
from operators.profiles.merging import added_moments
from operators.profiles.part_moments import added_parts
from operators.profiles.profile import EMBEDDING, HOURS, Field, PartMoments, Profile
from operators.profiles.slice_hours import HoursOf, differing
from operators.spans import HOUR_MS

ALL = "*"
Window = tuple[int, float, float, float, float]  # For one window: n, mean, deviation, least and most.


class WindowsOf(NamedTuple):
    """A slice's windows by hour of the week: `counts` (168, bins), and the windows of each hour."""

    counts: Ints
    windows: Sequence[list[Window]]


def profile_of_windows(
    url: str, params: Mapping[str, str], options: Options, like: Profile, counted: Counted
) -> Profile:
    """Return the profile of counts in the bins of `like`, from the shortest windows of each field. WrongReference."""
    by, worth = options.by, with_users(url, params, like, counted)
    params = {**params, "profile": like.name, "by": "true" if by else "false"}
    spans = asked(url, "fields", params)
    hourly = options.by_hour and (
        like.is_hourly or max((span for _, span in spans), default=0) >= (HOURS - 1) * HOUR_MS
    )
    fields, clusters, too_long = dict[str, Field](), None, list[str]()
    for name, _ in spans:
        known = worth.field(name)
        if known is None or (options.fields and name not in options.fields):
            continue
        found, ended_ms = _found(url, {**params, "field": name}, known.bins)
        if ALL not in found:
            continue
        if name == EMBEDDING:
            clusters = tuple(found[ALL].counts.sum(axis=0).tolist())
            continue
        if hourly and ended_ms > HOUR_MS:
            too_long.append(name)
        fields[name] = _field(known, found, by, options.timezone if hourly and ended_ms <= HOUR_MS else None)
    _check(fields, clusters, like, by, counted)
    if too_long:
        counted.notes.append(f"no hours of the week of {', '.join(too_long)}: their windows are not of an hour each")
    embedding = None if like.embedding is None or clusters is None else like.embedding
    if embedding is not None:
        embedding = msgspec.structs.replace(embedding, counts=clusters)
    return Profile(fields=fields, embedding=embedding)


def _check(
    fields: Mapping[str, Field],
    clusters: tuple[int, ...] | None,
    like: Profile,
    by: Sequence[tuple[str, ...]],
    counted: Counted,
) -> None:
    """Raise WrongReference where nothing was counted, or no slice; only note it where the profile has slices."""
    if not fields and clusters is None:
        raise WrongReference(f"--like: the store has counted nothing in the bins of profile {like.name}")
    if by and all(field.slices is UNSET for field in fields.values()):
        these = " or ".join(map(",".join, by))
        why = f"the store has counted no slice by {these}: a monitor of its policy has to watch some"
        if by != sliced_by(like):
            raise WrongReference(f"--by: {why}")
        counted.notes.append(f"{why}; merged with others, slices stay as they are there")


def _found(url: str, params: Mapping[str, str], bins: int) -> tuple[dict[str, WindowsOf], int]:
    """Return what each slice has, and by when, in ms of the hour that it began in, each window had ended."""
    rows = asked(url, "windows", params)
    slices: dict[str, WindowsOf] = {}
    for text, hour, counts, windows, _ in rows:
        of = slices.setdefault(text, WindowsOf(np.zeros((HOURS, bins), np.int64), [[] for _ in range(HOURS)]))
        of.counts[hour] += np.array(counts, np.int64)
        of.windows[hour].extend(windows)
    return slices, max((row[4] for row in rows), default=0)


def _field(
    known: Field, of_slice: Mapping[str, WindowsOf], by: Sequence[tuple[str, ...]], timezone: str | None
) -> Field:
    """Return a field as windows counted it; its skewness and kurtosis stay, as windows do not have them."""
    whole, replace = of_slice[ALL], msgspec.structs.replace
    moments = None
    windows = [window for hour in whole.windows for window in hour]
    if known.moments is not None and windows:
        some = [replace(known.moments, n=n, mean=mean, sd=sd, low=low, high=high) for n, mean, sd, low, high in windows]
        added = added_moments(some)
        moments = replace(added, skewness=known.moments.skewness, kurtosis=known.moments.kurtosis)
    slices = {text: each for text, each in of_slice.items() if text != ALL and dimensions_of(text) in by}
    parts = {text: added_parts(_parts(each)) for text, each in slices.items()}
    has_moments = moments is not None
    field = replace(
        known.without_parts(),
        counts=tuple(whole.counts.sum(axis=0).tolist()),
        moments=moments,
        timezone=UNSET,
        slices=tuple((text, tuple(each.counts.sum(axis=0).tolist())) for text, each in slices.items()) or UNSET,
        slice_moments=(tuple(parts.items()) or UNSET) if has_moments else UNSET,
    )
    if timezone is None:
        return field
    field = replace(
        field,
        hours=tuple(map(tuple, whole.counts.tolist())),
        hour_moments=tuple(_parts(whole)) if has_moments else UNSET,
        timezone=UNSET if timezone == UTC else timezone,
    )
    own = (HoursOf(text, each.counts, tuple(_parts(each)) if has_moments else ()) for text, each in slices.items())
    return replace(field, slice_hours=differing(field, own))


def _parts(of: WindowsOf) -> list[PartMoments]:
    """Return the moments of the numbers of each hour."""
    return [added_parts([PartMoments(n=n, mean=mean, sd=sd) for n, mean, sd, *_ in hour]) for hour in of.windows]
