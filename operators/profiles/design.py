"""How many events of a profile are worth one independent event, as a user makes several that are alike.

This is the design effect of `operators/stats/design_effect.py` for the events that a user makes within an hour; in
another hour the same user counts anew, as in the windows that are compared with the profile.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.profiles.profile import Profile
from operators.spans import HOUR_MS
from operators.stats.design_effect import design_effect
from operators.wire.events import Event, ms_of, whose

FEEDBACK = "feedback."  # Names no user.


def with_design(profile: Profile, events: Sequence[Event]) -> Profile:
    """Return a profile of these events with its design effect, where some events name a user or a session."""
    named = zip(whose(events), events, strict=True)
    users = Counter((name, ms_of(event.ts) // HOUR_MS) for name, event in named if name)
    pairs = sum(many * (many - 1) for many in users.values())
    return with_pairs(profile, pairs, len(events)) if users else profile


def with_pairs(profile: Profile, pairs: int, events: int) -> Profile:
    """Return a profile with the design effect of `events`, `pairs` ordered pairs of which share a user and an hour."""
    effect = round(float(design_effect(np.array(pairs, float), np.array(events))), 4)
    fields = {
        name: field if name.startswith(FEEDBACK) else msgspec.structs.replace(field, design=effect)
        for name, field in profile.fields.items()
    }
    return msgspec.structs.replace(profile, fields=fields)
