"""For how long a repeated item is recognised."""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.policy.fields import UpTo
from operators.policy.reading import UNITS_MS

DEDUP_MS_MAX = UNITS_MS["d"]
IDS_MAX = 10_000_000  # Remembered of one partition: 1.6 GB.


class Dedup(msgspec.Struct, frozen=True, kw_only=True):
    """`[dedup]`: an item whose id came within `horizon_ms` and the last `ids_max` items of its partition is dropped."""

    horizon_ms: Annotated[int, UpTo("dedup.horizon", DEDUP_MS_MAX, "must be at most 24h; 0s for none")] = 600_000
    ids_max: Annotated[int, Meta(ge=1, le=IDS_MAX)] = 100_000
