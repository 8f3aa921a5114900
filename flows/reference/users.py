"""The design effect of a profile from the store: only the request log knows the users."""

from collections.abc import Mapping

from flows.reference.asked import asked
from flows.reference.items import Counted
from operators.profiles.design import with_pairs
from operators.profiles.profile import Profile

LOGGED_MIN = 0.9  # Of the requests that panes counted: of fewer it is said how many.


def with_users(url: str, params: Mapping[str, str], profile: Profile, counted: Counted) -> Profile:
    """Return a profile with its design effect from the request log; a note says where that is unknown."""
    ((pairs, named, logged),) = asked(url, "users", params)
    if not named:
        why = "names no user or session" if logged else "(`rollguard archive` writes it) has none of these requests"
        known = any(field.design_effect > 1 for field in profile.fields.values())
        taken = "it is taken from --like" if known else "each counts as one of its own"
        counted.notes.append(f"what events of one user are worth is not known, as the request log {why}: {taken}")
        return profile
    if logged < LOGGED_MIN * counted.read:
        counted.notes.append(
            f"what events of one user are worth is that of {logged} of {counted.read} requests, in the log"
        )
    return with_pairs(profile, int(pairs), int(logged))
