"""How many events of a profile are worth one that is independent: users make several that are alike.

The design effect of `operators/stats/design_effect.py`, of the events that a user makes within an hour; in another hour
the same user counts anew, as in the windows that are compared with the profile.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from operators.profiles.profile import Profile
from operators.profiles.seasons import HOUR_MS
from operators.wire.events import Event, ms_of

FEEDBACK = "feedback."  # Names no user.


def with_design(profile: Profile, events: Sequence[Event]) -> Profile:
    """Return a profile of these events that says what they are worth, where some name a user or a session."""
    users = Counter((named, ms_of(event.ts) // HOUR_MS) for event in events if (named := _user(event)))
    if not users:
        return profile
    alone = len(events) - users.total()
    effect = (sum(many * many for many in users.values()) + alone) / len(events)
    fields = {
        name: field if name.startswith(FEEDBACK) else msgspec.structs.replace(field, design=round(effect, 4))
        for name, field in profile.fields.items()
    }
    return msgspec.structs.replace(profile, fields=fields)


def _user(event: Event) -> str:
    return f"u{event.user_id}" if event.user_id else f"s{event.session_id}" if event.session_id else ""
