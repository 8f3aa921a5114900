"""Which fields a policy watches, and how each is counted: from its monitors and their profiles."""

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate

import msgspec

from operators.policy.measures import EVENT_FIELDS, FEEDBACK_FIELDS, is_field
from operators.policy.monitors import CALIBRATION, Monitor, Watched
from operators.policy.sli import Sli
from operators.profiles.profile import EMBEDDING, RESIDUAL, Field, Profile
from operators.profiles.score_cells import LABELS, SCORES

OTHER_FIELDS = ("prediction", EMBEDDING, RESIDUAL)
NAMED = re.compile(r"(features|flags)\..{1,128}", re.DOTALL)
FIELDS_ALLOWED = "must be one of " + ", ".join(
    (*EVENT_FIELDS, *OTHER_FIELDS, "features.NAME", "flags.NAME", "metrics.NAME", *FEEDBACK_FIELDS)
)


# Fields that estimated SLIs need; no profile has their bins.
ESTIMATED_FROM = {"score": SCORES, CALIBRATION: LABELS}


def is_watchable(name: str) -> bool:
    """Tell whether `name` is a field that can be watched: whatever a measure may be, and fields without a unit."""
    of_feedback = name.startswith("feedback.")
    return (
        (name in FEEDBACK_FIELDS if of_feedback else is_field(name))
        or name in OTHER_FIELDS
        or NAMED.fullmatch(name) is not None
    )


def watched_by(
    monitors: Iterable[Monitor], profiles: Mapping[str, Profile], slis: Iterable[Sli] = ()
) -> tuple[Watched, ...]:
    """Return the fields that monitors and SLIs need, each once by model and profile; `profiles` is by content name."""
    found: dict[tuple[str, str | None, str], Watched] = {}
    for monitor in monitors:
        for name in monitor.watches:
            key = (name, monitor.model, monitor.profile)
            known = found.get(key) or _watched(*key, profiles.get(monitor.profile))
            found[key] = monitor.watching(known)
    if any(sli.estimated_from for sli in slis):
        for name, field in ESTIMATED_FROM.items():
            known = found.get((name, None, "")) or Watched(name=name)
            found[name, None, ""] = msgspec.structs.replace(known, field=field)
    offsets = [0, *accumulate(watched.bins for watched in found.values())]
    return tuple(
        msgspec.structs.replace(watched, offset=offset)
        for watched, offset in zip(found.values(), offsets, strict=False)
    )


def _watched(name: str, model: str | None, content: str, profile: Profile | None) -> Watched:
    field = None if profile is None else profile.field(name)
    centre, scale = _scale(field)
    return Watched(
        name=name,
        model=model,
        profile=content,
        field=field,
        centre=centre,
        scale=scale,
        centroids=profile.embedding if profile is not None and name == EMBEDDING else None,
    )


def _scale(field: Field | None) -> tuple[float, float]:
    """Return the centre and scale of sums; a field that was constant is kept in units of its value."""
    if field is None or field.moments is None:
        return 0.0, 1.0
    return field.moments.mean, field.moments.sd or abs(field.moments.mean) or 1.0
