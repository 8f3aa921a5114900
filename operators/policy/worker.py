"""The table [worker]: how the work of all models is spread."""

from typing import Annotated

import msgspec
from msgspec import Meta

SHARDS = 16
SHARDS_ONCE = 64  # What stores have that do not say how many: there was no other number.


class Worker(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[worker]`: models are spread over so many `shards` by their names; None: as the recovery folder has them.

    As many processes can share the work. What a pane costs beyond its events grows with the number.
    """

    shards: Annotated[int, Meta(ge=1, le=256)] | None = None
