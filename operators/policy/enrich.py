"""How long feedback waits for its request."""

from typing import Annotated

import msgspec

from operators.policy.fields import UpTo
from operators.policy.reading import UNITS_MS

WAIT_MS_MAX = UNITS_MS["h"]


class Enrich(msgspec.Struct, frozen=True, kw_only=True):
    """`[enrich]`: feedback without context waits for its request for at most `wait_ms` after it was received."""

    wait_ms: Annotated[
        int, UpTo("enrich.wait", WAIT_MS_MAX, "must be at most 1h: all feedback of a partition may wait")
    ] = 60_000
