"""How releases are found, and what is expected after a rollback."""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.policy.fields import Rounded
from operators.policy.reading import FallbackName
from operators.spans import WEEK_MS


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """`[release]`: how releases are found, and what is expected after a rollback.

    Versions first seen within `settle_ms` of a model's first event are old ones; later ones are candidates. A rollback
    is applied once the candidate's share of requests is surely at most `applied_share` (and half of what it was); if
    the share is surely larger `drain_ms` after the rollback or later, an alert says so. The pinned version must be well
    within `deadline_ms` of the rollback. For `cooldown_ms` after a rollback no other one that moves the pin is decided.
    A version is known for `known_ms` after it was last seen. Where more than `producer_share_max` of a verdict's bad
    events come from one of several values of the slice dimension `producer`, rollguard holds and pages instead of
    acting. The first `warm_up_ms` of a version's requests are left out when it is compared. A throttled version gets at
    most `throttle_share` of the requests. `fallback` gives by model, or by file-name pattern, what rules give by their
    own `fallback`: "hold", "kill", or the name of what traffic goes to. Requests that the versions in `mirrored`
    (file-name patterns) answer are copies, as if each event said so.
    """

    settle_ms: Annotated[int, Rounded(none=True)] = 300_000
    applied_share: Annotated[float, Meta(ge=0, lt=1)] = 0.01
    drain_ms: Annotated[int, Rounded(none=True)] = 60_000
    fallback: dict[str, FallbackName] = {}
    mirrored: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    deadline_ms: Annotated[int, Rounded()] = 900_000
    cooldown_ms: Annotated[int, Rounded(none=True)] = 300_000
    known_ms: Annotated[int, Rounded()] = WEEK_MS
    producer: str | None = None
    producer_share_max: Annotated[float, Meta(gt=0, lt=1)] | None = None
    warm_up_ms: Annotated[int, Rounded(none=True)] = 60_000
    throttle_share: Annotated[float, Meta(gt=0, lt=1)] = 0.05
